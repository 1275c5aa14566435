"""Theme of the viewer: Gradio's theme, style sheet and keyboard script, with nothing from an outside host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

STATIC = Path(__file__).with_name("static")
KEYS_URL = "/keys.js"
"""Below the viewer's root path; pages name it relative to themselves."""
FONTS = ("system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")


def gradio_options() -> dict[str, Any]:
    """Arguments of ``gradio.mount_gradio_app`` beside the pages."""
    import gradio as gr

    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.slate,
        spacing_size=gr.themes.sizes.spacing_sm,
        radius_size=gr.themes.sizes.radius_sm,
        text_size=gr.themes.sizes.text_sm,
        font=[gr.themes.Font(name) for name in FONTS],
        font_mono=[gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")],
    ).set(
        body_background_fill="#f4f6f8",
        body_text_color="#1c2733",
        body_text_color_subdued="#52606d",
        block_border_width="0px",
        block_background_fill="transparent",
        block_shadow="none",
        block_label_text_color="#1c2733",
        block_title_text_color="#1c2733",
        block_title_text_weight="600",
        block_info_text_color="#52606d",
        input_border_color="#8794a1",
        input_border_width="1px",
        input_background_fill="#ffffff",
        input_placeholder_color="#5f6c79",
        button_primary_background_fill="#0b5cad",
        button_primary_background_fill_hover="#084a8c",
        button_primary_text_color="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_hover="#e8f1fa",
        button_secondary_border_color="#8794a1",
        button_secondary_text_color="#1c2733",
        button_border_width="1px",
        checkbox_label_background_fill="#ffffff",
        checkbox_label_background_fill_hover="#e8f1fa",
        checkbox_label_background_fill_selected="#e8f1fa",
        checkbox_label_border_color="#8794a1",
        checkbox_label_border_color_selected="#0b5cad",
        checkbox_label_border_width="1px",
        checkbox_label_text_color_selected="#1c2733",
        checkbox_background_color_selected="#0b5cad",
        checkbox_border_color="#52606d",
        checkbox_border_color_selected="#0b5cad",
        layout_gap="8px",
    )
    return {
        "theme": theme,
        "css": (STATIC / "style.css").read_text(encoding="utf-8"),
        "head": f'<script src="{KEYS_URL.lstrip("/")}" defer></script>',
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "mcp_server": False,
        "enable_monitoring": False,
        "show_error": False,
        "pwa": False,
    }
