const at = (id) => document.getElementById(id);
const most = 50000;  // characters of a field whose words are coloured
const data = { least: 0.08 };  // what the script of the report reads: the threshold below which words have no colour
let fields = [], texts = [], paths = {}, named = false, prediction = null, asked = null, latest = 0;

function element(tag, text, properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text, ...properties });
}

// Control characters and marks that reorder what follows become visible signs; all else is shown as it is.
const visible = (text) => text
  .replace(/[\0-\x08\x0b-\x1f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0))).replace(/\x7f/g, "\u2421")
  .replace(/[\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/gu,
    (c) => `<U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}>`);
// Close to 100% with two more digits, so that only certainty is shown as 100%.
const percent = (p) => (p < 0.995 ? `${Number((100 * p).toPrecision(3))}%` : p < 1 ? `${Math.min(100 * p, 99.99).toFixed(2)}%` : "100%");
const signed = (value) => (value < 0 ? "\u2212" : "+") + Math.abs(value).toPrecision(3);

// Requests

async function call(path, body) {
  const token = sessionStorage.getItem("token"), headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  } catch (error) {
    throw new Error("The service cannot be reached. Start it again, or check the network.");
  }
  let found = null;
  try { found = await answer.json(); } catch (error) { /* the status says enough */ }
  if (answer.status === 401) {
    at("unlock").hidden = false;
    throw new Error(token ? "The service does not accept this token." : "The service asks for its token.");
  }
  if (!answer.ok || !found) throw new Error((found && found.error) || `The service answered with status ${answer.status}.`);
  return found;
}

function say(text, bad = false) {
  at("message").textContent = text;
  at("message").classList.toggle("bad", bad);
}

// The form, as the OpenAPI document describes it

async function begin() {
  const described = await call("openapi.json");
  paths = described.paths;
  const name = described.info.title, content = paths["/predict"].post.requestBody.content["application/json"];
  const form = content.schema.oneOf.find((each) => each.properties.texts);
  const k = content.schema.oneOf[0].properties.k;
  named = content.schema.oneOf.find((each) => each.properties.points).properties.points.items.oneOf.some((each) => each.properties.features);
  fields = form ? Object.keys(form.properties.texts.items.oneOf[1].properties) : [];
  document.title = at("title").textContent = visible(name);
  at("lead").textContent = form
    ? "Type or paste a text: the model suggests labels and shows which words speak for and against each."
    : `Give the features of a point, one per line, as ${named ? "id:value or name:value" : "id:value"}: the model suggests labels and shows what speaks for and against each.`;
  at("reason-column").textContent = form ? "Term" : "Feature";
  at("k").max = k.maximum;
  at("k").value = k.default;
  at("fields").replaceChildren();
  (form ? fields : ["features"]).forEach((field, i) => {
    const area = element("textarea", "", { id: `field-${i}`, spellcheck: Boolean(form) });
    at("fields").append(element("label", visible(field), { htmlFor: area.id }), area);
  });
  showExamples(Object.values(content.examples || {}).map((each) => each.value));
  const step = paths["/attack"];
  at("attack").hidden = !step;
  if (step) at("epsilon").value = step.post.requestBody.content["application/json"].schema.oneOf[0].properties.epsilon.default;
  at("why").hidden = !paths["/explain"];
  at("unexplained").hidden = Boolean(paths["/explain"]);
  at("unlock").hidden = true;
  at("form").hidden = false;
  say("");
  document.documentElement.dataset.ready = "true";
}

function showExamples(examples) {
  at("examples").hidden = !examples.length;
  at("examples").replaceChildren(...examples.map((example, i) => {
    const contents = fields.length ? fields.map((field) => example.texts[0][field] || "") : [linesOf(example.points[0])];
    const title = contents.find((each) => each.trim()) || "(empty)";
    const button = element("button", visible(title.slice(0, 60)), { type: "button" });
    button.setAttribute("aria-label", `Example ${i + 1}: ${visible(title.slice(0, 200))}`);
    button.addEventListener("click", () => {
      contents.forEach((each, place) => { at(`field-${place}`).value = each; });
      at("form").requestSubmit();
    });
    return button;
  }));
}

const linesOf = (point) => point.feature_ids.map((id, i) => `${id}:${point.feature_values[i]}`).join("\n");

// A point from lines or words of id:value, or lines of name:value if features have names.
function pointOf(text) {
  const words = text.split(/\s+/).filter(Boolean);
  const pairs = words.map((word) => word.match(/^(\d+):([-+.\deE]+)$/));
  if (pairs.every(Boolean)) return { feature_ids: pairs.map((pair) => Number(pair[1])), feature_values: pairs.map((pair) => numberOf(pair[2])) };
  if (!named) throw new Error(`A feature must be id:value (got ${JSON.stringify(words[pairs.indexOf(null)].slice(0, 40))}).`);
  const features = {};
  text.split("\n").forEach((line, i) => {
    if (!line.trim()) return;
    const pair = line.match(/^\s*(.*\S)\s*[:=\t]\s*([-+.\deE]+)\s*$/);
    if (!pair) throw new Error(`Line ${i + 1} must be id:value or name:value (got ${JSON.stringify(line.slice(0, 40))}).`);
    features[pair[1]] = numberOf(pair[2]);
  });
  return { features };
}

function numberOf(text) {
  const number = Number(text);
  if (!Number.isFinite(number)) throw new Error(`A value must be a number (got ${text}).`);
  return number;
}

function request() {
  const k = Number(at("k").value);
  if (!fields.length) return { points: [pointOf(at("field-0").value)], k };
  texts = fields.map((_, i) => at(`field-${i}`).value);
  return { texts: [Object.fromEntries(fields.map((field, i) => [field, texts[i]]))], k };
}

// The answer

async function ask() {
  const mine = ++latest;
  at("ask").disabled = true;
  say("Asking the model.");
  try {
    const body = request();
    const found = (await call(paths["/explain"] ? "explain" : "predict", body)).predictions[0];
    if (mine !== latest) return;
    prediction = found;
    asked = body;
    showLabels();
    at("attacked").replaceChildren();
    if (paths["/attack"]) attack();
  } catch (error) {
    if (mine === latest) say(error.message, true);
  } finally {
    at("ask").disabled = false;
  }
}

function showLabels() {
  const best = prediction.labels[0];
  say(`${prediction.labels.length} label${prediction.labels.length > 1 ? "s" : ""}. The best is ${visible(best.name)}, with a probability of ${percent(best.probability)}.${prediction.known_terms === 0 ? " But the model knows no word of this text: any such text gets these labels." : ""}`);
  at("answer").hidden = false;
  at("labels").replaceChildren(...prediction.labels.map((label, rank) => {
    const explained = Boolean(label.reasons), row = element(explained ? "button" : "div", "", explained ? { type: "button" } : {});
    const bar = element("span", "", { className: "bar" });
    bar.style.width = `${100 * label.probability}%`;
    bar.setAttribute("aria-hidden", "true");
    row.append(element("span", visible(label.name), { className: "name" }), element("span", percent(label.probability), { className: "number" }), bar);
    row.title = `label ${label.label}, score ${signed(label.score)}`;
    if (explained) row.addEventListener("click", () => choose(rank));
    const item = element("li", "");
    item.append(row);
    return item;
  }));
  if (prediction.labels[0].reasons) choose(0);
}

function choose(rank) {
  at("labels").querySelectorAll("button").forEach((button, i) => button.setAttribute("aria-pressed", String(i === rank)));
  const label = prediction.labels[rank], name = visible(label.name);
  at("why-title").textContent = `Why ${name}`;
  at("reasons-title").textContent = `Score ${signed(label.score)}; without any feature it is ${signed(label.baseline_score)}.`;
  at("text").replaceChildren(...(label.word_attributions ? [colouredText(label, name)] : []));
  const rows = label.reasons.filter((reason) => reason.attribution).map((reason) => {
    const row = element("tr", ""), value = reason.attribution, cell = element("td", "", { className: "number" });
    cell.append(element("span", `${signed(value)} ${value < 0 ? "lowers" : "raises"}`, { className: `part ${value < 0 ? "against" : "for"}` }));
    row.append(element("th", featureName(reason), { scope: "row", className: "name" }), cell);
    return row;
  });
  at("reasons").tBodies[0].replaceChildren(...rows);
  at("reasons").hidden = !rows.length;
}

const featureName = (entry) => (entry.name === undefined ? `feature ${entry.feature}` : visible(entry.name));

// The pieces that the script of the report colours: between words, word, between words, ...
function colouredText(label, name) {
  const values = [], hidden = [];
  const shown = texts.map((text, field) => {
    const characters = Array.from(text), pieces = [];
    let place = 0, hiddenWords = 0, hiddenSum = 0;
    prediction.words.forEach((word, i) => {
      if (word.field !== field || word.begin < place) return;
      if (word.end > most) { hiddenWords += 1; hiddenSum += label.word_attributions[i]; return; }
      pieces.push(visible(characters.slice(place, word.begin).join("")), visible(characters.slice(word.begin, word.end).join("")));
      values.push(label.word_attributions[i]);
      place = word.end;
    });
    const end = Math.max(place, Math.min(characters.length, most));
    pieces.push(visible(characters.slice(place, end).join("")));
    const more = characters.length - end, sum = hiddenWords ? `, whose ${hiddenWords} words have ${signed(hiddenSum)}` : "";
    hidden.push(more ? `[\u2026 ${more} more characters${sum} \u2026]` : "");
    return [visible(fields[field]), pieces];
  });
  return coloured(shown, { values, hidden, rest: "" }, name);
}

// The attack

async function attack() {
  const mine = latest, epsilon = Number(at("epsilon").value);
  try {
    const found = (await call("attack", { ...asked, epsilon })).predictions[0];
    if (mine === latest) at("attacked").replaceChildren(...effects(found, epsilon));
  } catch (error) {
    if (mine === latest) at("attacked").replaceChildren(element("p", error.message, { className: "bad" }));
  }
}

function effects(found, epsilon) {
  const inside = new Set(found.attacked_labels.map((label) => label.label)), before = new Set(found.labels.map((label) => label.label));
  const rows = [
    ...found.labels.map((label) => [label, inside.has(label.label) ? "stays" : "leaves"]),
    ...found.attacked_labels.filter((label) => !before.has(label.label)).map((label) => [label, "enters"]),
  ];
  const leaving = rows.filter(([, what]) => what === "leaves").length;
  const summary = element("p", `With epsilon ${epsilon} (${percent(found.relative_norm)} of the point's norm), ${leaving || "none"} of the ${found.labels.length} labels ${leaving > 1 ? "leave" : "leaves"} the list.`);
  const table = element("table", ""), head = element("tr", ""), body = element("tbody", ""), top = element("thead", "");
  for (const [text, number] of [["Label"], ["Before", true], ["After", true], ["List"]]) {
    head.append(element("th", text, { scope: "col", className: number ? "number" : text === "List" ? "what" : "" }));
  }
  top.append(head);
  table.append(element("caption", "Probabilities before and after the step"), top, body);
  for (const [label, what] of rows) {
    const row = element("tr", "");
    row.append(
      element("th", visible(label.name), { scope: "row", className: "name" }), element("td", percent(label.probability), { className: "number" }),
      element("td", percent(label.attacked_probability), { className: "number" }), element("td", what, { className: what === "stays" ? "what soft" : "what" }));
    body.append(row);
  }
  const moves = (sign) => found.moves.filter((move) => Math.sign(move.move) === sign).map(featureName).join(", ");
  const named = [["strengthens", moves(1)], ["weakens", moves(-1)]].filter(([, names]) => names).map(([verb, names]) => `${verb} ${names}`);
  return [summary, table, ...(named.length ? [element("p", `Of what counts most, it ${named.join("; it ")}.`, { className: "soft name" })] : [])];
}

// Events

at("form").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
at("form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); at("form").requestSubmit(); }
});
at("step").addEventListener("submit", (event) => { event.preventDefault(); attack(); });
at("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", at("token").value);
  at("token").value = "";
  start();
});

function start() {
  begin().catch((error) => {
    say(error.message, true);
    if (!at("unlock").hidden) at("token").focus();
  });
}
start();
