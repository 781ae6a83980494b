// Browsers refuse workers to pages of the file system, and the search is one. There its script
// runs in a hidden frame instead, which behaves like a worker towards both sides.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.waiting = []
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.append(this.frame)
      const inside = this.frame.contentWindow
      const base = new URL(url, document.baseURI)
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      const load = (source) =>
        new Promise((resolve, reject) => {
          const script = inside.document.createElement("script")
          script.src = new URL(source, base)
          script.onload = resolve
          script.onerror = reject
          inside.document.body.append(script)
        })
      inside.importScripts = (...sources) => Promise.all(sources.map(load))
      load(base).then(() => {
        this.waiting.forEach((data) => this.deliver(data))
        this.waiting = undefined
      })
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data)
      else this.deliver(data)
    }

    deliver(data) {
      const inside = this.frame.contentWindow
      inside.dispatchEvent(new inside.MessageEvent("message", { data }))
    }

    terminate() {
      this.frame.remove()
    }
  }
}
