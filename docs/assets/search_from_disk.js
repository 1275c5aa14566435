// Search on pages opened from disk. Browsers start no worker from file:// addresses, so there the index is searched in an
// invisible frame with a worker's interface. On a web server this file does nothing.
"use strict";

class FrameWorker extends EventTarget {
  constructor(url) {
    super();
    this.onmessage = null;
    this.frame = document.createElement("iframe");
    this.frame.hidden = true;
    document.body.appendChild(this.frame);
    const inside = this.frame.contentDocument;
    inside.open();
    // What the worker's script calls to answer.
    this.frame.contentWindow.postMessage = (data) => {
      const answer = new MessageEvent("message", { data });
      this.dispatchEvent(answer);
      if (this.onmessage) this.onmessage(answer);
    };
    inside.write('<!doctype html><script src="' + String(url).replace(/"/g, "%22") + '"></' + "script>");
    this.ready = new Promise((resolve) => this.frame.addEventListener("load", resolve, { once: true }));
    inside.close();
  }

  postMessage(data) {
    this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
  }

  terminate() {
    this.frame.remove();
  }
}

if (location.protocol === "file:") window.Worker = FrameWorker;
