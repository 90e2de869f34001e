"use strict";
// Draws the figures from the data in the page, and sorts its tables.

document.documentElement.classList.add("scripts");

// All of them are named: among plotly's own is one that sends a chart to its makers.
const buttons = [["toImage"], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]];
const touch = matchMedia("(pointer: coarse)").matches;
for (const plot of document.querySelectorAll(".plot")) {
  const figure = JSON.parse(document.getElementById(plot.id + "-data").textContent);
  if (touch) figure.layout.dragmode = false; // a finger on a figure scrolls the page
  Plotly.newPlot(plot, figure.data, figure.layout, {
    displaylogo: false,
    responsive: true,
    modeBarButtons: buttons,
    toImageButtonOptions: { format: "svg", filename: plot.id },
  });
}

const valueOf = (row, column) => {
  const cell = row.cells[column];
  return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent;
};

function compare(first, second) {
  if (typeof first !== typeof second) return typeof first === "number" ? -1 : 1;
  if (typeof first === "string") return first.localeCompare(second, "en", { numeric: true });
  if (Number.isNaN(first) || Number.isNaN(second)) return Number.isNaN(first) - Number.isNaN(second);
  return first - second;
}

function sort(table, column, heading) {
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((a, b) => compare(valueOf(a, column), valueOf(b, column)));
  body.append(...(down ? rows.reverse() : rows));
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(table, column, heading));
    heading.append(button);
  });
}
