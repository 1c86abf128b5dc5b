"use strict";
(() => {
  const scenes = JSON.parse(document.getElementById("scenes").textContent);
  const box = document.getElementById("viewer");
  if (!box || !scenes.length) return;
  const $ = id => document.getElementById(id);
  const [stage, pickSystem, pickRow, pickMode, pickScope] = ["stage", "pick-system", "pick-row", "pick-mode", "pick-scope"].map($);
  const [withBeads, withHydrogens] = ["with-beads", "with-hydrogens"].map($);
  const SAMPLES = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];
  const COLORS = { C: ["#6b7480", "#aab4c0"], H: ["#87929e", "#e6ebf0"], N: ["#3159d6", "#7f9fff"], O: ["#d13030", "#ff7a70"], S: ["#b48a00", "#f0c43c"] };
  let viewer = null, scene = scenes[0], lastShown = "";

  const css = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const isDark = () => css("dark") === "1";
  const unpack = text => {
    const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
    // 0.001 nm is 0.01 angstrom.
    return Float32Array.from(new Int16Array(bytes.buffer), v => v / 100);
  };
  const option = (value, text) => { const o = document.createElement("option"); o.value = value; o.textContent = text; return o; };

  function fillRows() {
    scene = scenes[Number(pickSystem.value)];
    const names = scene.views.map((v, k) => option(k, v.refine === "none" ? `${v.backend}, raw` : `${v.backend}, ${v.refine}`));
    pickRow.replaceChildren(option("reference", "reference"), ...names);
    pickRow.value = names.length ? "0" : "reference";
    pickScope.querySelector("[value=all]").disabled = scene.nMolecules < 2;
    if (scene.nMolecules < 2) pickScope.value = "one";
  }

  function addAtoms(packed, nMolecules, color) {
    const xyz = unpack(packed), n = scene.elements.length, atoms = [];
    const neighbours = scene.elements.map(() => []);
    for (const [i, j] of scene.bonds) { neighbours[i].push(j); neighbours[j].push(i); }
    const keep = scene.elements.map(e => withHydrogens.checked || e !== "H");
    const place = new Map();
    for (let m = 0; m < nMolecules; m++) for (let a = 0; a < n; a++) if (keep[a]) place.set(m * n + a, place.size);
    for (let m = 0; m < nMolecules; m++) for (let a = 0; a < n; a++) {
      if (!keep[a]) continue;
      const k = m * n + a;
      const bonds = neighbours[a].filter(b => keep[b]).map(b => place.get(m * n + b));
      atoms.push({ elem: scene.elements[a], x: xyz[3 * k], y: xyz[3 * k + 1], z: xyz[3 * k + 2], index: place.get(k), serial: place.get(k), bonds, bondOrder: bonds.map(() => 1) });
    }
    const model = viewer.addModel();
    model.addAtoms(atoms);
    const many = atoms.length > 1500;
    const paint = color ? { color } : { colorfunc: atom => (COLORS[atom.elem] || ["#8333d1", "#c9a2ff"])[isDark() ? 1 : 0] };
    const style = { stick: { radius: many ? 0.16 : color ? 0.11 : 0.14, ...paint } };
    if (!many && !color) style.sphere = { scale: 0.22, ...paint };
    model.setStyle({}, style);
  }

  function addBeads(nMolecules) {
    const xyz = unpack(scene.beads), color = css("bead"), n = scene.nBeads;
    const point = k => ({ x: xyz[3 * k], y: xyz[3 * k + 1], z: xyz[3 * k + 2] });
    for (let k = 0; k < nMolecules * n; k++) viewer.addSphere({ center: point(k), radius: nMolecules > 1 ? 0.7 : 0.85, color, opacity: 0.5, quality: 1 });
    if (nMolecules === 1) for (const [i, j] of scene.beadBonds) viewer.addCylinder({ start: point(i), end: point(j), radius: 0.12, color, opacity: 0.65, fromCap: 1, toCap: 1 });
  }

  function addBox() {
    const corner = (i, j, k) => [0, 1, 2].map(d => 10 * (i * scene.box[0][d] + j * scene.box[1][d] + k * scene.box[2][d] - scene.origin[d]));
    const line = (a, b) => { const [s, e] = [corner(...a), corner(...b)]; viewer.addLine({ start: { x: s[0], y: s[1], z: s[2] }, end: { x: e[0], y: e[1], z: e[2] }, color: css("muted") }); };
    for (const i of [0, 1]) for (const j of [0, 1]) { line([0, i, j], [1, i, j]); line([i, 0, j], [i, 1, j]); line([i, j, 0], [i, j, 1]); }
  }

  function draw() {
    if (!viewer) return;
    viewer.clear();
    viewer.setBackgroundColor(css("surface"));
    const view = scene.views[Number(pickRow.value)];
    const mode = view ? pickMode.value : "atoms";
    // Only the molecules in the middle are kept of samples after the first.
    const scope = mode === "samples" ? "one" : pickScope.value;
    const n = scope === "all" ? scene.nMolecules : 1;
    const legend = [];
    const dot = (color, text) => { const d = document.createElement("span"); d.className = "dot"; d.style.background = color; return [d, text]; };
    if (mode === "samples") {
      view.samples.forEach((packed, k) => { const color = css(SAMPLES[k % 8]); addAtoms(packed, 1, color); legend.push(dot(color, `sample ${k + 1}`)); });
    } else if (mode === "against") {
      addAtoms(scene.atoms, n, css("reference-atoms")); addAtoms(view.samples[0], n, css(`c${view.color}`));
      legend.push(dot(css("reference-atoms"), "reference"), dot(css(`c${view.color}`), view.backend));
    } else {
      addAtoms(view ? view.samples[0] : scene.atoms, n);
      for (const e of [...new Set(scene.elements)].filter(e => e !== "H" || withHydrogens.checked)) legend.push(dot((COLORS[e] || ["#8333d1", "#c9a2ff"])[isDark() ? 1 : 0], e));
    }
    if (withBeads.checked) { addBeads(n); legend.push(dot(css("bead"), "bead as given")); }
    if (scope === "all" && scene.box) addBox();
    const shown = `${scene.label} ${scope} ${mode === "samples"}`;
    if (shown !== lastShown) viewer.zoomTo();
    lastShown = shown;
    viewer.render();
    const what = view ? `${view.backend}, ${view.refine === "none" ? "raw" : view.refine}` : "reference";
    const how = { atoms: "first sample", samples: `${view ? view.samples.length : 1} samples of the same beads`, against: "first sample over the reference" }[mode];
    const text = `First test frame of ${scene.title}: ${what}, ${view ? how : "the atoms that the beads were made from"}, ${n} molecule${n > 1 ? "s" : ""}.`;
    $("caption").replaceChildren(...legend.flat(), document.createElement("br"), text);
    stage.setAttribute("aria-label", `3-D view. ${text} Arrow keys turn it, plus and minus zoom.`);
  }

  function start() {
    try { viewer = $3Dmol.createViewer(stage, { backgroundColor: css("surface"), antialias: true }); } catch { /* said below */ }
    if (!viewer) { $("caption").textContent = "This browser draws no 3-D graphics (WebGL is off)."; return; }
    draw();
  }
  // A picture of the canvas is empty unless it is taken right after drawing.
  window.viewerRedraw = () => viewer && viewer.render();
  const moves = {
    ArrowLeft: v => v.rotate(-15, "y"), ArrowRight: v => v.rotate(15, "y"), ArrowUp: v => v.rotate(-15, "x"), ArrowDown: v => v.rotate(15, "x"),
    "+": v => v.zoom(1.2), "-": v => v.zoom(1 / 1.2), "0": v => v.zoomTo(),
  };
  const move = key => { if (viewer && moves[key]) { moves[key](viewer); viewer.render(); return true; } return false; };
  stage.addEventListener("keydown", event => { if (move(event.key === "=" ? "+" : event.key)) event.preventDefault(); });
  for (const button of box.querySelectorAll("[data-move]")) button.addEventListener("click", () => move(button.dataset.move));
  scenes.forEach((s, k) => pickSystem.append(option(k, s.label)));
  fillRows();
  pickSystem.addEventListener("change", () => { fillRows(); draw(); });
  for (const input of [pickRow, pickMode, pickScope, withBeads, withHydrogens]) input.addEventListener("change", draw);
  document.addEventListener("schemechange", draw);
  box.hidden = false;
  // Nothing is spent on graphics before they come near the screen.
  new IntersectionObserver((seen, observer) => { if (seen.some(s => s.isIntersecting)) { observer.disconnect(); start(); } }, { rootMargin: "300px" }).observe(stage);
})();
