// The text of a point with its words coloured by one explanation. Colours, underlines and numbers say the same thing.
const coloured = (() => {
  let made = 0;

  const signed = (value) => (value < 0 ? "\u2212" : "+") + Math.abs(value).toPrecision(3);

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  const example = (kind, text) => {
    const word = element("span", { class: "word " + kind }, text);
    word.style.setProperty("--s", "0.6");
    return word;
  };

  function legend() {
    return [example("for", "raises"), " or ", example("against", "lowers"), " the score"];
  }

  function wordElement(text, value, largest) {
    const strength = Math.abs(value) / largest;
    const word = element("span", { class: "word", title: signed(value) }, text);
    word.dataset.value = value;
    if (strength >= data.least) {
      word.classList.add(value < 0 ? "against" : "for");
      word.style.setProperty("--s", strength.toFixed(2));
    }
    return word;
  }

  // A field has its name and its pieces: between words, word, between words, ....
  function build(fields, words, label) {
    const largest = Math.max(1e-300, ...words.values.map(Math.abs));
    const read = element("p", { class: "read", id: "read-" + ++made }, ...legend());
    const body = element("div", { class: "text", role: "group", tabindex: "-1",
      "aria-label": "Text with words coloured by their part in the score of " + label + ". The arrow keys move from word to word." });
    let next = 0;
    fields.forEach(([name, pieces], index) => {
      const field = element("p", { dir: "auto" });
      if (fields.length > 1) body.append(element("span", { class: "field" }, name));
      pieces.forEach((piece, i) => {
        if (i % 2 === 0) return field.append(piece);
        const value = words.values[next++];
        field.append(value ? wordElement(piece, value, largest) : piece);
      });
      if (words.hidden[index]) field.append(" ", element("i", { class: "soft" }, words.hidden[index]));
      body.append(field);
    });
    const reached = [...body.querySelectorAll(".for, .against")];
    if (reached.length) reached[0].tabIndex = 0;

    function show(word) {
      const value = Number(word.dataset.value);
      read.replaceChildren(element("b", {}, word.textContent), " " + signed(value) + (value < 0 ? " lowers" : " raises") + " the score");
    }
    const wordOf = (event) => (event.target.dataset && event.target.dataset.value ? event.target : null);
    const forget = () => {
      const focused = body.contains(document.activeElement) && document.activeElement.dataset.value ? document.activeElement : null;
      if (focused) show(focused);
      else read.replaceChildren(...legend());
    };
    body.addEventListener("mouseover", (event) => { if (wordOf(event)) show(wordOf(event)); });
    body.addEventListener("mouseleave", forget);
    body.addEventListener("click", (event) => { if (wordOf(event)) show(wordOf(event)); });
    body.addEventListener("focusin", (event) => {
      const word = wordOf(event);
      if (!word) return;
      show(word);
      word.setAttribute("aria-describedby", read.id);
    });
    body.addEventListener("focusout", forget);
    // One stop of the tab key for the whole text: the arrow keys move among its words.
    body.addEventListener("keydown", (event) => {
      const at = reached.indexOf(document.activeElement);
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
      if (at < 0 || step === undefined) return;
      event.preventDefault();
      const to = Math.max(0, Math.min(reached.length - 1, at + step));
      reached[at].tabIndex = -1;
      reached[to].tabIndex = 0;
      reached[to].focus();
    });

    const box = element("section", { class: "words", "aria-label": "Text" }, read, body);
    if (words.rest) box.append(element("p", { class: "soft rest-words" }, words.rest));
    return box;
  }

  // A long text is folded until its button is pressed.
  function fold(box) {
    const body = box.querySelector(".text");
    const more = element("button", { type: "button", class: "unfold", "aria-expanded": "false" }, "Show the whole text");
    more.hidden = true;
    more.addEventListener("click", () => {
      const open = body.classList.toggle("open");
      more.setAttribute("aria-expanded", String(open));
      more.textContent = open ? "Fold the text" : "Show the whole text";
    });
    body.addEventListener("focusin", () => { if (!more.hidden && !body.classList.contains("open")) more.click(); });
    body.after(more);
    // The height is known only once the text is on the page.
    new ResizeObserver(() => {
      if (!body.classList.contains("open")) more.hidden = body.scrollHeight <= body.clientHeight + 2;
    }).observe(body);
    return box;
  }

  return (fields, words, label) => fold(build(fields, words, label));
})();
