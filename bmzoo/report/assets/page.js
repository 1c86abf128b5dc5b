"use strict";
(() => {
  // Colour scheme: as the system, or as chosen.
  const scheme = document.getElementById("scheme");
  const choices = { auto: "◐ auto", light: "☀ light", dark: "☾ dark" };
  let chosen = "auto";
  scheme.addEventListener("click", () => {
    const names = Object.keys(choices);
    chosen = names[(names.indexOf(chosen) + 1) % names.length];
    if (chosen === "auto") delete document.documentElement.dataset.scheme;
    else document.documentElement.dataset.scheme = chosen;
    scheme.textContent = choices[chosen];
    scheme.setAttribute("aria-label", `colour scheme: ${chosen === "auto" ? "as the system" : chosen}`);
    document.dispatchEvent(new Event("schemechange"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    document.dispatchEvent(new Event("schemechange")));

  // Sorting: numbers as numbers, what is missing last.
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const order = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      const rows = [...table.tBodies[0].rows];
      const key = row => row.cells[column].dataset.v;
      const numeric = rows.every(row => key(row) === "" || !Number.isNaN(Number(key(row))));
      rows.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        return order * (numeric ? Number(x) - Number(y) : x.localeCompare(y));
      });
      table.tBodies[0].append(...rows);
      heads.forEach(other => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", order === 1 ? "ascending" : "descending");
    }));
  }

  // Which rows the figures show.
  const filters = document.getElementById("filters");
  if (filters) {
    const apply = () => {
      const refine = filters.querySelector("input[name=refine]:checked").value;
      const backends = new Set([...filters.querySelectorAll("input[name=backend]:checked")].map(i => i.value));
      for (const row of document.querySelectorAll('section[aria-labelledby=systems] .row')) {
        const shown = (refine === "all" || row.dataset.refine === refine) && backends.has(row.dataset.backend);
        row.classList.toggle("hidden", !shown);
      }
    };
    filters.hidden = false;
    filters.addEventListener("change", apply);
    apply();
  }
})();
