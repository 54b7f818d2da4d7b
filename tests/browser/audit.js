// Accessibility faults of a page, as far as a script can tell.
() => {
  const faults = [];
  const check = (fine, fault) => fine || faults.push(fault);
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const start = (element) => element.outerHTML.slice(0, 80);
  const labelled = (element) => element.labels?.length || element.getAttribute("aria-label");

  check(document.documentElement.lang, "the page has no language");
  check(all("main").length === 1, "there is not one main");
  check(all("h1").length === 1, "there is not one h1");
  let last = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    const level = Number(heading.tagName[1]);
    check(level <= last + 1, `h${level} follows h${last}: ${heading.textContent}`);
    check(heading.textContent.trim(), `empty heading: ${start(heading)}`);
    last = level;
  }
  for (const image of all("img")) check(image.alt, `no alt: ${start(image)}`);
  for (const drawing of all("svg")) {
    const named = drawing.getAttribute("role") === "img" && drawing.querySelector(":scope > title")?.textContent.trim();
    check(named || drawing.closest("[aria-hidden=true]"), `no name: ${start(drawing)}`);
  }
  for (const control of all("select, input, textarea, meter, progress")) check(labelled(control), `no label: ${start(control)}`);
  for (const control of all("a, button, summary")) check(control.textContent.trim(), `no text: ${start(control)}`);
  for (const link of all("a[href^='#']")) check(document.querySelector(link.hash), `leads nowhere: ${start(link)}`);
  for (const head of all("thead th")) check(head.scope, `no scope: ${start(head)}`);
  for (const region of all("[tabindex='0']")) check(labelled(region), `a stop with no name: ${start(region)}`);
  const ids = all("[id]").map((element) => element.id);
  check(new Set(ids).size === ids.length, `duplicate ids: ${ids.filter((id, index) => ids.indexOf(id) !== index)}`);
  return faults;
};
