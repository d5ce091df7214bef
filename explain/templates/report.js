"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const list = document.getElementById("list");
  const search = document.getElementById("search");
  const wrong = document.getElementById("wrong");
  const count = document.getElementById("count");
  const labelName = (label) => data.labels[label];
  const knowsTruth = data.points.some((point) => point.true !== null);
  const knowsAttack = data.points.some((point) => point.attacked !== null);
  document.getElementById("wrong-label").hidden = !knowsTruth;

  // Names are never trusted: every text goes in through textContent, and nothing is ever parsed as HTML.
  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) element.setAttribute(name, value);
    }
    for (const child of children) {
      if (child !== null && child !== undefined) element.append(child);
    }
    return element;
  }

  const signed = (value) => (value < 0 ? "\u2212" : "+") + Math.abs(value).toPrecision(3);
  const number = (value) => (value < 0 ? "\u2212" : "") + Math.abs(value).toPrecision(3);
  const probability = (score) => (data.logits ? 1 / (1 + Math.exp(-score)) : score);
  const percent = (score) => {
    const value = 100 * probability(score);
    return (value < 0.1 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : "100") + "%";
  };
  const isTrue = (point, label) => (point.true === null ? null : point.true.includes(label));
  const truth = (flag) => (flag === null ? "" : flag ? "\u2713 true" : "\u2717 not true");

  function chip(text, flag, extra) {
    const kind = flag ? " good" : "";
    const mark = flag ? make("span", { "aria-label": "true: " }, "\u2713 ") : null;
    return make("li", { class: "chip" + kind }, mark, text, extra ? " " : null, extra ? make("b", {}, extra) : null);
  }

  function chips(items) {
    return make("ul", { class: "chips" }, ...items);
  }

  // A point of a hundred labels must not fill the screen: the first few, and the rest on demand.
  const trueShown = 6;

  function trueLabels(point) {
    const items = (point.true || []).map((label) => chip(labelName(label), null));
    if (items.length <= trueShown + 1) return chips(items);
    const rest = make("details", {}, make("summary", {}, items.length - trueShown + " more"), chips(items.slice(trueShown)));
    return make("div", {}, chips(items.slice(0, trueShown)), rest);
  }

  function bars(rows, rest, caption) {
    const largest = Math.max(1e-300, ...rows.map((row) => Math.abs(row[2])));
    const body = make("tbody");
    for (const [feature, value, attribution, shared] of rows) {
      const fill = make("span", { class: attribution < 0 ? "against" : "for" });
      fill.style.width = (50 * Math.abs(attribution)) / largest + "%";
      const name = data.features[feature];
      const title = value === null ? name : name + " = " + number(value);
      body.append(
        make("tr", {},
          make("th", { scope: "row", class: "name", title: title }, name, shared ? " " : null,
            shared ? make("span", { class: "mark", title: "hashed together with other features of this point" }, "shared") : null),
          make("td", { class: "amount" }, signed(attribution)),
          make("td", {}, make("div", { class: "bar", "aria-hidden": "true" }, fill))));
    }
    if (rest && rest[0]) {
      const words = rest[0] + (rest[0] === 1 ? " other feature" : " other features");
      body.append(make("tr", { class: "rest" }, make("th", { scope: "row", class: "name" }, words),
        make("td", { class: "amount" }, signed(rest[1])), make("td")));
    }
    return make("table", { class: "bars" }, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, make("th", { scope: "col", class: "name" }, "Feature"),
        make("th", { scope: "col", class: "amount" }, "Attribution"),
        make("th", { scope: "col" }, "\u2190 against \u00b7 for \u2192"))), body);
  }

  function smallTable(caption, heads, rows) {
    const body = make("tbody");
    for (const row of rows) {
      const [first, ...others] = row;
      body.append(make("tr", {}, make("th", { scope: "row" }, first), ...others.map((cell) => make("td", {}, cell))));
    }
    return make("table", { class: "small" }, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))), body);
  }

  function meter(share) {
    const fill = make("span");
    fill.style.width = Math.max(0, Math.min(100, 100 * share)) + "%";
    return make("div", { class: "meter", "aria-hidden": "true" }, fill);
  }

  function explanationCard(point, explanation) {
    const flag = isTrue(point, explanation.label);
    const facts = (explanation.rank ? "rank " + explanation.rank + " \u00b7 " : "") +
      (data.logits ? "score " + number(explanation.score) + " (" + percent(explanation.score) + ")" : "score " + percent(explanation.score)) +
      " \u00b7 baseline " + (data.logits ? number(explanation.baseline) : percent(explanation.baseline)) +
      " \u00b7 gap " + explanation.gap.toExponential(1).replace("-", "\u2212");
    const repetitions = explanation.repetitions.map(([bucket, score], repetition) => [
      String(repetition), String(bucket), percent(score), meter(probability(score)),
    ]);
    const neighbours = explanation.neighbours.map(([label, shared]) => [
      labelName(label), shared.length + " of " + repetitions.length, shared.join(", "),
    ]);
    const card = make("article", { class: "card" },
      make("h2", {}, labelName(explanation.label), flag === null ? null : make("span", { class: "chip " + (flag ? "good" : "bad") }, truth(flag))),
      make("p", { class: "facts" }, facts),
      bars(explanation.bars, explanation.rest, "What speaks for and against it"),
      make("details", {}, make("summary", {}, "Buckets that support it, by repetition"),
        smallTable("The score is the " + data.combination + " of " + repetitions.length + " repetitions.",
          ["Repetition", "Bucket", "Probability", ""], repetitions)));
    if (neighbours.length) {
      card.append(make("details", {}, make("summary", {}, "Labels it could be confused with"),
        smallTable("In a shared bucket the model cannot tell labels apart.", ["Label", "Shared buckets", "In repetitions"], neighbours)));
    }
    return card;
  }

  function attackCard(point) {
    const rows = point.attacked.map(([label, before, after, rankBefore, rankAfter]) => {
      const rankWords = (rank) => (rank === null ? "lower" : String(rank));
      const moved = (rankAfter === null ? Infinity : rankAfter) - (rankBefore === null ? Infinity : rankBefore);
      const words = moved === 0 ? "stays " + rankWords(rankAfter) : rankWords(rankBefore) + " \u2192 " + rankWords(rankAfter);
      const flag = isTrue(point, label);
      return [(flag === null ? "" : flag ? "\u2713 " : "\u2717 ") + labelName(label), percent(before), percent(after),
        make("span", { class: moved > 0 ? "down" : moved < 0 ? "up" : "soft" }, words)];
    });
    return make("article", { class: "card" }, make("h2", {}, "Under one FGSM step"),
      make("p", { class: "facts" }, "every feature moved by \u00b1" + data.epsilon + " where that raises the loss"),
      smallTable("Top labels before and after", ["Label", "Before", "After", "Rank"], rows));
  }

  function pointDetail(point) {
    const cards = make("div", { class: "cards" }, ...point.explanations.map((e) => explanationCard(point, e)));
    if (point.attacked !== null) cards.append(attackCard(point));
    return cards;
  }

  const top = (point) => point.predicted[0];
  const topIsTrue = (point) => isTrue(point, top(point)[0]);

  function attackWords(point) {
    if (point.attacked === null) return "";
    const after = point.attacked.find((row) => row[4] === 1);
    const before = point.attacked.find((row) => row[3] === 1);
    return after[0] === before[0] ? "stays " + percent(after[2]) : "becomes " + labelName(after[0]);
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

  function labelDetail(row) {
    const means = [...row.sums].map(([feature, sum]) => [feature, null, sum / row.explained, false]);
    means.sort((a, b) => Math.abs(b[2]) - Math.abs(a[2]));
    const show = make("button", { type: "button", class: "more" }, "Show its points");
    show.addEventListener("click", () => { search.value = labelName(row.label); showView("points"); list.focus(); });
    return make("div", { class: "cards" }, make("article", { class: "card" },
      make("h2", {}, labelName(row.label)),
      bars(means.slice(0, 15), null, "Mean attribution over its explanations here: " + row.explained), show));
  }

  // A view: its columns (title, cell, sort key), rows, text to search and detail to open.
  const views = {
    points: {
      rows: data.points,
      noun: "points",
      caption: "Points, with the labels predicted and the labels explained",
      columns: [
        ["Point", null, (point) => point.id],
        knowsTruth ? ["True labels", trueLabels, (point) => (point.true || []).map(labelName).join(", ").toLowerCase()] : null,
        ["Predicted", (point) => chips(point.predicted.map(([label, score]) => chip(labelName(label), isTrue(point, label), percent(score)))), (point) => labelName(top(point)[0]).toLowerCase()],
        ["Top score", (point) => make("span", { class: "number" }, percent(top(point)[1])), (point) => top(point)[1]],
        knowsTruth ? ["Top label", (point) => make("span", { class: topIsTrue(point) ? "up" : "down" }, truth(topIsTrue(point))), (point) => (topIsTrue(point) ? 1 : 0)] : null,
        knowsAttack ? ["After FGSM", (point) => make("span", { class: attackWords(point).startsWith("stays") ? "soft" : "down" }, attackWords(point)), attackDrop] : null,
      ].filter((column) => column !== null),
      heading: (point) => String(point.id),
      text: (point) => ["point " + point.id, ...(point.true || []).map(labelName), ...point.predicted.map(([label]) => labelName(label)),
        ...point.explanations.flatMap((e) => [labelName(e.label), ...e.bars.map(([feature]) => data.features[feature])])].join("\n").toLowerCase(),
      keep: (point) => !wrong.checked || topIsTrue(point) === false,
      detail: pointDetail,
    },
    labels: {
      rows: null,
      noun: "labels",
      caption: "Labels that are explained here",
      columns: [
        ["Label", null, (row) => labelName(row.label).toLowerCase()],
        ["Explanations", (row) => make("span", { class: "number" }, String(row.explained)), (row) => row.explained],
        knowsTruth ? ["Where true", (row) => make("span", { class: "number" }, row.correct + " (" + Math.round((100 * row.correct) / row.explained) + "%)"), (row) => row.correct / row.explained] : null,
        ["Mean score", (row) => make("span", { class: "number" }, data.logits ? number(row.score / row.explained) : percent(row.score / row.explained)), (row) => row.score / row.explained],
      ].filter((column) => column !== null),
      heading: (row) => labelName(row.label),
      text: (row) => [labelName(row.label), ...[...row.sums.keys()].map((feature) => data.features[feature])].join("\n").toLowerCase(),
      keep: () => true,
      detail: labelDetail,
    },
  };

  // Rows are made as they are scrolled to: a thousand of them at once would take seconds to lay out on a phone.
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
    const empty = make("p", { class: "empty", hidden: "" }, "Nothing here matches.");
    built[name] = { view, body, heads, entries, matching: entries, shown: 0, more, empty, table };
  }

  function rowElement(name, entry) {
    const view = views[name];
    const heading = view.heading(entry.row);
    const open = make("button", { type: "button", class: "open", "aria-expanded": "false", "aria-controls": name + "-" + entry.index,
      "aria-label": "Explain " + view.noun.slice(0, -1) + " " + heading }, heading);
    open.addEventListener("click", () => toggle(name, entry));
    const cells = view.columns.slice(1).map(([title, cell]) => make("td", { role: "cell", "data-title": title }, cell(entry.row)));
    return make("tr", { class: "row", role: "row" }, make("th", { scope: "row", role: "rowheader" }, open), ...cells);
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
    entry.element.querySelector(".open").setAttribute("aria-expanded", String(entry.detail !== null));
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
