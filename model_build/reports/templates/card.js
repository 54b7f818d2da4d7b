"use strict";

/** Return what a cell is sorted by: the number in a column of numbers, null if the cell is empty, or else the text. */
function keyOf(cell) {
  const text = cell.textContent.trim();
  if (!cell.classList.contains("right")) return text;
  const number = Number.parseFloat(text.replaceAll(",", "").replace("−", "-"));
  return Number.isNaN(number) ? null : number;
}

/** Sort in a direction, 1 or -1; empty cells are last either way, and equal rows keep their order. */
function sortBy(table, column, direction) {
  const body = table.tBodies[0];
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  const keyed = Array.from(body.rows, (row) => [keyOf(row.cells[column]), row]);
  keyed.sort(([a], [b]) => (a === null) - (b === null) || (a === null ? 0 : direction * compare(a, b)));
  body.append(...keyed.map(([, row]) => row));
}

function makeSortable(table, sortedBy) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    head.setAttribute("aria-sort", head.textContent === sortedBy ? "ascending" : "none");
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const isAscending = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((cell) => cell.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
      sortBy(table, column, isAscending ? 1 : -1);
    });
  });
}

/** Put a form before the table that shows the rows of one feature, the text of the first column. */
function addFilter(table) {
  const rows = Array.from(table.tBodies[0].rows);
  const nameOf = (row) => row.cells[0].textContent;
  const form = document.createElement("form");
  form.innerHTML = '<label for="feature">Feature</label> <select id="feature"></select> <output for="feature"></output>';
  const [select, status] = [form.querySelector("select"), form.querySelector("output")];
  select.append(new Option("all", ""), ...Array.from(new Set(rows.map(nameOf)), (name) => new Option(name, name)));
  const show = () => {
    for (const row of rows) row.hidden = select.value !== "" && nameOf(row) !== select.value;
    status.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} slices`;
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", show);
  table.closest(".scroll").before(form);
  show();
}

document.querySelectorAll("#slices table").forEach((table) => {
  makeSortable(table, "Accuracy");
  addFilter(table);
});
