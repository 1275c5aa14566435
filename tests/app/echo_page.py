"""Gradio page whose only handler answers with the user's name, or fails with a patient's in its message."""

from __future__ import annotations

import gradio as gr


def echo_page() -> gr.Blocks:
    """Text is answered by the text and the name of the user who is logged in; "fail" raises."""

    def greet(text: str, request: gr.Request) -> str:
        if text == "fail":
            raise RuntimeError("of patient-17")
        return f"{text} {request.username}"

    with gr.Blocks(analytics_enabled=False) as page:
        field = gr.Textbox()
        field.submit(greet, field, gr.Textbox(), api_name="greet")
    return page
