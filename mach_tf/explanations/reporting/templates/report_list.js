// The list: two views whose rows can be searched, sorted and opened. Rows are made when they are scrolled to.
(() => {
  const { labelName, knowsTruth, make, percent, scoreText, isTrue, chip, chips, snippet, trueLabels } = cards;
  const knowsAttack = data.points.some((point) => point.attacked !== null);
  const contrasts = data.points.some((point) => point.explanations.some((explanation) => explanation.against !== null));
  const list = document.getElementById("list");
  const search = document.getElementById("search");
  const wrong = document.getElementById("wrong");
  const count = document.getElementById("count");

  const top = (point) => point.predicted[0];
  const topIsTrue = (point) => isTrue(point, top(point)[0]);

  function attackWords(point) {
    if (point.attacked === null) return "";
    const after = point.attacked.find((row) => row[4] === 1);
    const before = point.attacked.find((row) => row[3] === 1);
    return after[0] === before[0] ? "kept, " + percent(after[2]) : "becomes " + labelName(after[0]);
  }

  const attackDrop = (point) => {
    if (point.attacked === null) return 0;
    const before = point.attacked.find((row) => row[3] === 1);
    return before[1] - before[2];
  };

  function labelRows() {
    const byLabel = new Map();
    for (const point of data.points) {
      for (const explanation of point.explanations) {
        let row = byLabel.get(explanation.label);
        if (!row) {
          row = { label: explanation.label, explained: 0, correct: 0, score: 0, sums: new Map() };
          byLabel.set(explanation.label, row);
        }
        row.explained += 1;
        row.correct += isTrue(point, explanation.label) ? 1 : 0;
        row.score += explanation.score;
        for (const [feature, , attribution] of explanation.bars) {
          row.sums.set(feature, (row.sums.get(feature) || 0) + attribution);
        }
      }
    }
    return [...byLabel.values()];
  }

  // Each view has columns (title, cell, sort key), rows, the text that is searched and the detail that a row opens to.
  const views = {
    points: {
      rows: data.points,
      noun: "points",
      caption: "Points with their true and predicted labels",
      columns: [
        ["Point", null, (point) => point.id],
        data.points.some((point) => point.text) ? ["Text", (point) => make("span", { class: "snippet", dir: "auto" }, snippet(point)), (point) => snippet(point).toLowerCase()] : null,
        knowsTruth ? ["True labels", trueLabels, (point) => (point.true || []).map(labelName).join(", ").toLowerCase()] : null,
        ["Predicted", (point) => chips(point.predicted.map(([label, score]) => chip(labelName(label), isTrue(point, label), percent(score)))), (point) => labelName(top(point)[0]).toLowerCase()],
        ["Top score", (point) => make("span", { class: "number" }, percent(top(point)[1])), (point) => top(point)[1]],
        knowsTruth ? ["Top label", (point) => make("span", { class: topIsTrue(point) ? "up" : "down" }, topIsTrue(point) ? "\u2713 correct" : "\u2717 wrong"), (point) => (topIsTrue(point) ? 1 : 0)] : null,
        knowsAttack ? ["After FGSM", (point) => make("span", { class: attackWords(point).startsWith("becomes") ? "down" : "soft" }, attackWords(point)), attackDrop] : null,
      ].filter((column) => column !== null),
      heading: (point) => String(point.id),
      text: (point) => ["point " + point.id, ...(point.text || []).map(([, pieces]) => pieces.join("")), ...(point.true || []).map(labelName), ...point.predicted.map(([label]) => labelName(label)),
        ...point.explanations.flatMap((e) => [labelName(e.label), ...e.bars.map(([feature]) => data.features[feature])])].join("\n").toLowerCase(),
      keep: (point) => !wrong.checked || topIsTrue(point) === false,
      detail: cards.pointDetail,
    },
    labels: {
      rows: null,
      noun: "labels",
      caption: "Labels that are explained on this page",
      columns: [
        ["Label", null, (row) => labelName(row.label).toLowerCase()],
        ["Explanations", (row) => make("span", { class: "number" }, String(row.explained)), (row) => row.explained],
        knowsTruth ? ["Correct", (row) => make("span", { class: "number" }, row.correct + " (" + Math.round((100 * row.correct) / row.explained) + "%)"), (row) => row.correct / row.explained] : null,
        contrasts ? null : ["Mean score", (row) => make("span", { class: "number" }, scoreText(row.score / row.explained)), (row) => row.score / row.explained],
      ].filter((column) => column !== null),
      heading: (row) => labelName(row.label),
      text: (row) => [labelName(row.label), ...[...row.sums.keys()].map((feature) => data.features[feature])].join("\n").toLowerCase(),
      keep: () => true,
      detail: (row) => cards.labelDetail(row, () => {
        search.value = labelName(row.label);
        showView("points");
        list.focus();
      }),
    },
  };

  // Rows are made in batches, because a thousand rows at once take seconds to lay out on a phone.
  const batch = 40;
  const built = {};
  let current = "points";

  function buildView(name) {
    const view = views[name];
    if (view.rows === null) view.rows = labelRows();
    const heads = view.columns.map(([title], index) => {
      const button = make("button", { type: "button" }, title);
      button.addEventListener("click", () => sortBy(name, index));
      const sorted = index === 0 && name === "points" ? "ascending" : "none";
      return make("th", { scope: "col", role: "columnheader", "aria-sort": sorted }, button);
    });
    const body = make("tbody", { role: "rowgroup" });
    const table = make("table", { class: "list", id: "table-" + name, role: "table" }, make("caption", { class: "unseen" }, view.caption),
      make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...heads)), body);
    const entries = view.rows.map((row, index) => ({ row, index, text: null, element: null, detail: null }));
    const more = make("button", { type: "button", class: "more" }, "Show more");
    more.addEventListener("click", () => showMore(name));
    new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting)) showMore(name); }, { rootMargin: "600px" }).observe(more);
    const empty = make("p", { class: "empty", hidden: "" }, "Nothing matches.");
    built[name] = { view, body, heads, entries, matching: entries, shown: 0, more, empty, table };
  }

  function rowElement(name, entry) {
    const view = views[name];
    const heading = view.heading(entry.row);
    const open = make("button", { type: "button", class: "open", "aria-expanded": "false",
      "aria-label": "Explain " + view.noun.slice(0, -1) + " " + heading }, heading);
    open.addEventListener("click", () => toggle(name, entry));
    const cells = view.columns.slice(1).map(([title, cell]) => make("td", { role: "cell", "data-title": title }, cell(entry.row)));
    return make("tr", { class: "row", role: "row" }, make("th", { scope: "row", role: "rowheader", "data-title": view.columns[0][0] }, open), ...cells);
  }

  function toggle(name, entry) {
    const { view } = built[name];
    if (entry.detail) {
      entry.detail.remove();
      entry.detail = null;
    } else {
      entry.detail = make("tr", { class: "detail", id: name + "-" + entry.index, role: "row" },
        make("td", { colspan: view.columns.length, role: "cell" }, view.detail(entry.row)));
      entry.element.after(entry.detail);
    }
    const open = entry.element.querySelector(".open");
    open.setAttribute("aria-expanded", String(entry.detail !== null));
    if (entry.detail) open.setAttribute("aria-controls", entry.detail.id);
    else open.removeAttribute("aria-controls");  // it may only name an element that exists
  }

  function showMore(name) {
    const state = built[name];
    const next = state.matching.slice(state.shown, state.shown + batch);
    for (const entry of next) {
      if (entry.element === null) entry.element = rowElement(name, entry);
      state.body.append(entry.element);
      if (entry.detail) state.body.append(entry.detail);
    }
    state.shown += next.length;
    state.more.hidden = state.shown >= state.matching.length;
  }

  function sortBy(name, column) {
    const { view, heads, entries } = built[name];
    const downwards = heads[column].getAttribute("aria-sort") === "ascending";
    const key = view.columns[column][2];
    const keys = new Map(entries.map((entry) => [entry, key(entry.row)]));
    entries.sort((a, b) => {
      const [x, y] = [keys.get(a), keys.get(b)];
      const difference = typeof x === "string" ? x.localeCompare(y) : x - y;
      return (downwards ? -difference : difference) || a.index - b.index;
    });
    heads.forEach((head, i) => head.setAttribute("aria-sort", i !== column ? "none" : downwards ? "descending" : "ascending"));
    filter();
  }

  function matches(view, entry, words) {
    if (!view.keep(entry.row)) return false;
    if (!words) return true;
    if (entry.text === null) entry.text = view.text(entry.row);
    return entry.text.includes(words);
  }

  function filter() {
    const state = built[current];
    const words = search.value.toLowerCase().trim();
    state.matching = state.entries.filter((entry) => matches(state.view, entry, words));
    state.shown = 0;
    state.body.replaceChildren();
    showMore(current);
    state.empty.hidden = state.matching.length > 0;
    count.textContent = state.matching.length.toLocaleString("en") + " of " + state.entries.length.toLocaleString("en") + " " + state.view.noun;
  }

  function showView(name) {
    current = name;
    if (!built[name]) buildView(name);
    list.replaceChildren(built[name].table, built[name].empty, built[name].more);
    for (const view of Object.keys(views)) {
      document.getElementById("view-" + view).setAttribute("aria-pressed", String(view === name));
    }
    document.getElementById("wrong-label").hidden = !knowsTruth || name !== "points";
    filter();
  }

  for (const name of Object.keys(views)) {
    document.getElementById("view-" + name).addEventListener("click", () => showView(name));
  }
  search.addEventListener("input", filter);
  wrong.addEventListener("change", filter);
  showView("points");
  if (data.points.length && data.points.length <= 5) toggle("points", built.points.entries[0]);
  document.documentElement.dataset.ready = "true";
})();
