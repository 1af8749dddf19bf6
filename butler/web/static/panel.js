"use strict";
// What the panel adds to htmx: its one Trusted Types policy, signing in, and saying so when a page
// no longer hears of anything new.
(() => {
  const SILENCE_MS = 12000;

  const refused = () => {
    throw new TypeError("this panel evaluates no text");
  };

  // The server escapes all that it shows; no policy of this page makes a script out of text.
  const policy = window.trustedTypes
    ? window.trustedTypes.createPolicy("butler", { createHTML: (text) => text })
    : { createHTML: (text) => text };

  if (window.htmx) {
    window.htmx.registerExtension("butler", {
      init: (api) =>
        api.initSecurity({ createHTML: policy.createHTML.bind(policy), createScript: refused }, refused, refused),
    });
  }

  const signIn = document.getElementById("sign-in");
  if (signIn && window.location.hash.length > 1) {
    signIn.elements.token.value = window.location.hash.slice(1);
    window.history.replaceState(null, "", window.location.pathname);
    signIn.submit();
  }

  const live = document.querySelector("[hx-sse\\:connect]");
  const silent = document.getElementById("silent");
  if (live && silent) {
    let heardAt = Date.now();
    document.addEventListener("htmx:sse:after:message", () => {
      heardAt = Date.now();
      silent.hidden = true;
    });
    window.setInterval(() => {
      if (Date.now() - heardAt > SILENCE_MS) {
        silent.querySelector("time").textContent = new Date(heardAt).toLocaleTimeString();
        silent.hidden = false;
        // Does nothing while htmx itself tries to connect again.
        live.dispatchEvent(new Event("again"));
      }
    }, 1000);
  }

  const write = document.getElementById("write");
  if (write) {
    document.addEventListener("htmx:after:request", (event) => {
      if (event.target === write) write.elements.text.value = "";
    });
    write.elements.text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        write.requestSubmit();
      }
    });
  }

  const last = document.getElementById("bubbles");
  if (last) {
    const scroll = () => last.lastElementChild && last.lastElementChild.scrollIntoView({ block: "nearest" });
    document.addEventListener("htmx:sse:after:message", scroll);
    scroll();
  }
})();
