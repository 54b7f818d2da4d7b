"use strict";

/** What a column is sorted by: a number if there is one, else the text; null if the cell is empty. */
function keyOf(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.key === undefined) return cell.textContent.trim();
  return cell.dataset.key === "" ? null : Number(cell.dataset.key);
}

/** Ascending or descending, with empty cells last either way; rows that are equal keep their order. */
function sortBy(table, column, direction) {
  const body = table.tBodies[0];
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  const keyed = Array.from(body.rows, (row) => [keyOf(row, column), row]);
  keyed.sort(([a], [b]) => (a === null) - (b === null) || (a === null ? 0 : direction * compare(a, b)));
  body.append(...keyed.map(([, row]) => row));
}

function makeSortable(table) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    if (!head.hasAttribute("aria-sort")) head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((each) => each.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sortBy(table, column, ascending ? 1 : -1);
    });
  });
}

function makeFilter(form) {
  const rows = Array.from(document.querySelectorAll("#slices-table tbody tr"));
  const status = form.querySelector("output");
  const show = () => {
    const wanted = form.elements.feature.value;
    for (const row of rows) row.hidden = wanted !== "" && row.dataset.feature !== wanted;
    status.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} slices`;
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", show);
  form.hidden = false;
  show();
}

document.querySelectorAll("table[data-sortable]").forEach(makeSortable);
document.querySelectorAll("form[data-filter]").forEach(makeFilter);
