// Draws a point or a label: numbers, chips, bars, tables, and the cards that a row opens to.
const cards = ((data) => {
  const labelName = (label) => data.labels[label];
  const knowsTruth = data.points.some((point) => point.true !== null);

  // Names are never trusted: every text is inserted as a text node, and nothing is ever parsed as HTML.
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
  const sigmoid = (score) => (data.logits ? 1 / (1 + Math.exp(-score)) : score);
  // What a ranker adds moves and stretches the scores of labels, but not those of buckets.
  const probability = (score) => sigmoid(data.logits ? (score - data.scale[0]) / data.scale[1] : score);
  // A gap is mostly rounding, so one digit is enough to say how small it is.
  const tiny = (value) => (value === 0 ? "0" : value.toExponential(0).replaceAll("-", "\u2212").replace("e+0", ""));
  const percentText = (share) => {
    const value = 100 * share;
    return value < 99.95 ? value.toFixed(value < 0.1 ? 2 : 1) + "%" : value < 100 ? ">99.9%" : "100%";
  };
  const percent = (score) => percentText(probability(score));
  // Logits are shown with the probability that they stand for.
  const scoreText = (score) => (data.logits ? number(score) + " (" + percent(score) + ")" : percent(score));
  const isTrue = (point, label) => (point.true === null ? null : point.true.includes(label));
  const truth = (flag) => (flag === null ? "" : flag ? "\u2713 true label" : "\u2717 not a true label");

  function chip(text, flag, extra) {
    const kind = flag ? " good" : "";
    const mark = flag ? make("span", { "aria-label": "true: " }, "\u2713 ") : null;
    return make("li", { class: "chip" + kind }, mark, text, extra ? " " : null, extra ? make("b", {}, extra) : null);
  }

  function chips(items) {
    return make("ul", { class: "chips" }, ...items);
  }

  // A point may have a hundred labels: the first few are shown, the others on demand.
  const trueShown = 6;

  function trueLabels(point) {
    const items = (point.true || []).map((label) => chip(labelName(label), null));
    if (items.length <= trueShown + 1) return chips(items);
    const rest = make("details", {}, make("summary", {}, items.length - trueShown + " more"), chips(items.slice(trueShown)));
    return make("div", {}, chips(items.slice(0, trueShown)), rest);
  }

  // The first words of a text.
  function snippet(point) {
    const text = point.text.map(([, pieces]) => pieces.join("")).join(" ").trim().replace(/\s+/g, " ");
    return text.length > 140 ? text.slice(0, 120) + "\u2026" : text;
  }

  // The others are two sums; their bars have the scale of the features' bars, so that what is not shown is seen.
  function bars(rows, others, caption) {
    const largest = Math.max(1e-300, ...rows.map((row) => Math.abs(row[2])), ...others.map((group) => Math.abs(group[1])));
    const body = make("tbody");
    function add(kind, attributes, attribution, ...name) {
      const fill = make("span", { class: attribution < 0 ? "against" : "for" });
      fill.style.width = (50 * Math.abs(attribution)) / largest + "%";
      body.append(
        make("tr", { class: kind },
          make("th", { scope: "row", class: "name", ...attributes }, ...name),
          make("td", { class: "amount" }, signed(attribution)),
          make("td", {}, make("div", { class: "bar", "aria-hidden": "true" }, fill))));
    }
    for (const [feature, value, attribution, shared] of rows) {
      const name = data.features[feature];
      add(null, { title: value === null ? name : name + " = " + number(value) }, attribution, name, shared ? " " : null,
        shared ? make("span", { class: "mark", title: "merged by feature hashing with other features of this point" }, "shared") : null);
    }
    for (const [title, total] of others) add("others", {}, total, title);
    return make("table", { class: "bars" }, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, make("th", { scope: "col", class: "name" }, "Feature"),
        make("th", { scope: "col", class: "amount" }, "Attribution"),
        make("th", { scope: "col", class: "sides" }, "\u2190 lowers \u00b7 raises \u2192"))), body);
  }

  function shownText([sentence, , shown, total], others) {
    return others.length ? sentence + " by size; they add up to " + signed(shown) + " of " + signed(total) + "." : sentence + "; they add up to " + signed(total) + ".";
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
    // A difference of scores is no score, so that it has no probability.
    const against = explanation.against;
    const title = labelName(explanation.label) + (against === null ? "" : " rather than " + labelName(against));
    const [what, text] = against === null ? ["score ", scoreText] : ["difference of scores ", number];
    const facts = [
      explanation.rank ? "rank " + explanation.rank : null,
      what + text(explanation.score),
      "baseline " + what + text(explanation.baseline),
      "completeness gap " + tiny(explanation.gap),
    ].filter((fact) => fact !== null).map((fact) => make("span", {}, fact));
    const logits = (score) => (data.logits ? [number(score)] : []);
    const repetitions = explanation.repetitions.map(([bucket, score], repetition) => [
      String(repetition), String(bucket), ...logits(score), percentText(sigmoid(score)), meter(sigmoid(score)),
    ]);
    const neighbours = explanation.neighbours.map(([label, shared]) => [
      labelName(label), shared.length + " of " + repetitions.length, shared.join(", "),
    ]);
    const card = make("article", { class: "card" },
      make("h2", {}, title, flag === null ? null : make("span", { class: "chip " + (flag ? "good" : "bad") }, truth(flag))),
      make("p", { class: "facts" }, ...facts),
      point.text ? coloured(point.text, explanation.words, title) : null,
      bars(explanation.bars, explanation.others, shownText(explanation.shown, explanation.others)),
      explanation.counterfactual === null ? null : make("p", { class: "without" }, explanation.counterfactual),
      make("details", {}, make("summary", {}, "Bucket scores by repetition"),
        smallTable("The score is the " + data.combination + " of the bucket scores of " + repetitions.length + " repetitions" +
          (data.ranked ? ", plus what the label's ranker adds." : "."),
          ["Repetition", "Bucket", ...(data.logits ? ["Logit"] : []), "Probability", ""], repetitions)));
    if (neighbours.length) {
      card.append(make("details", {}, make("summary", {}, "Labels that share its buckets"),
        smallTable("The model cannot tell two labels apart in a bucket that they share.", ["Label", "Shared buckets", "In repetitions"], neighbours)));
    }
    if (explanation.supporting !== null) {
      const whole = (text) => make("span", { class: "whole" }, text);
      const rows = explanation.supporting.map(([id, support, labels, more]) => [
        String(id), whole(signed(support)), labels.map(labelName).join(", ") + (more ? " and " + more + " more" : ""),
      ]);
      card.append(make("details", {}, make("summary", {}, "Training points that support it"),
        smallTable(rows.length ? "By how much a gradient step on their loss raises the score" + (against === null ? "." : "s' difference.")
          : "No training point supports it.", ["Training point", whole("Support"), "Its labels"], rows)));
    }
    return card;
  }

  function attackCard(point) {
    const rows = point.attacked.map(([label, before, after, rankBefore, rankAfter]) => {
      const rankText = (rank) => (rank === null ? "lower" : String(rank));
      const [first, last] = [rankBefore, rankAfter].map((rank) => (rank === null ? Infinity : rank));
      const words = first === last ? rankText(rankAfter) + " (unchanged)" : rankText(rankBefore) + " \u2192 " + rankText(rankAfter);
      const flag = isTrue(point, label);
      return [(flag === null ? "" : flag ? "\u2713 " : "\u2717 ") + labelName(label), percent(before), percent(after),
        make("span", { class: last > first ? "down" : last < first ? "up" : "soft" }, words)];
    });
    return make("article", { class: "card" }, make("h2", {}, "Under one FGSM step"),
      make("p", { class: "facts" }, "Each feature of the point is moved by \u00b1" + data.epsilon + " in the direction that raises the loss of " +
        (knowsTruth ? "its true labels." : "its top label.")),
      smallTable("Top labels before and after the step", ["Label", "Before", "After", "Rank"], rows));
  }

  function pointDetail(point) {
    const cards = make("div", { class: "cards" }, ...point.explanations.map((e) => explanationCard(point, e)));
    if (point.attacked !== null) cards.append(attackCard(point));
    if (point.proved === null) return cards;
    const proof = point.proved > 0
      ? "Proved: no change of its features by up to \u00b1" + point.proved + " each changes the top label " + labelName(point.predicted[0][0]) + "."
      : "No proof: the top label " + labelName(point.predicted[0][0]) + " may change under the smallest changes that were tried.";
    return make("div", {}, make("p", { class: "proved" }, proof), cards);
  }

  // The mean of a label's explanations.
  function labelDetail(row, showPoints) {
    const means = [...row.sums].map(([feature, sum]) => [feature, null, sum / row.explained, false]);
    means.sort((a, b) => Math.abs(b[2]) - Math.abs(a[2]));
    const show = make("button", { type: "button", class: "more" }, "Show these points");
    show.addEventListener("click", showPoints);
    return make("div", { class: "cards" }, make("article", { class: "card" },
      make("h2", {}, labelName(row.label)),
      bars(means.slice(0, 15), [], "Mean attribution over " + row.explained + (row.explained === 1 ? " explanation" : " explanations") +
        " on this page; a feature counts as 0 where it has no bar."), show));
  }

  return { labelName, knowsTruth, make, percent, scoreText, isTrue, chip, chips, snippet, trueLabels, pointDetail, labelDetail };
})(data);
