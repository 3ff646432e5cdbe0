// What is wrong with a page for whoever uses it by keyboard or reader: a list of lines, run inside the page.
() => {
  const found = [];
  const visible = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && node.getClientRects().length > 0;
  const told = (node) => `${node.tagName.toLowerCase()}${node.id ? "#" + node.id : ""}.${node.getAttribute("class") ?? ""} ${JSON.stringify((node.textContent ?? "").trim().slice(0, 40))}`;
  const text = (id) => document.getElementById(id)?.textContent ?? "";
  const nameOf = (node) =>
    (node.getAttribute("aria-label") || (node.getAttribute("aria-labelledby") ?? "").split(" ").map(text).join("") ||
      [...(node.labels ?? [])].map((one) => one.textContent).join("") ||
      (/^(INPUT|SELECT|TEXTAREA)$/.test(node.tagName) ? "" : node.textContent) || node.getAttribute("title") || "").trim();

  if (document.querySelectorAll("h1").length !== 1) found.push("there is not one h1");
  if (!document.title || !document.documentElement.lang) found.push("the page has no title or language");
  if (document.querySelectorAll("main").length !== 1) found.push("there is not one main");
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) found.push(`the id ${id} is there twice`);
  for (const node of document.querySelectorAll("[aria-labelledby], [aria-describedby], [aria-controls]"))
    for (const name of ["aria-labelledby", "aria-describedby", "aria-controls"])
      for (const id of (node.getAttribute(name) ?? "").split(" ").filter(Boolean))
        if (!document.getElementById(id)) found.push(`${name} names nothing: ${told(node)}`);
  for (const node of document.querySelectorAll("a[href], button, input, select, textarea, [role=button], [role=tab], [role=img], dialog[open], table, nav, [role=region]"))
    if (visible(node) && !nameOf(node) && node.type !== "hidden") found.push(`without a name: ${told(node)}`);
  for (const node of document.querySelectorAll("th")) if (!node.getAttribute("scope")) found.push(`a head without scope: ${told(node)}`);
  for (const node of document.querySelectorAll("[tabindex]")) if (node.tabIndex > 0) found.push(`an order of its own: ${told(node)}`);
  for (const node of document.querySelectorAll("[onclick], [style*=expression]")) found.push(`a handler as text: ${told(node)}`);
  if (document.documentElement.scrollWidth > innerWidth + 1) found.push(`the page is ${document.documentElement.scrollWidth} wide, the window ${innerWidth}`);

  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((under, one) => over(one, under), [255, 255, 255, 1]);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || seen.has(node) || !visible(node) || node.closest(":disabled, .unseen, svg, noscript, .skip")) continue;
    seen.add(node);
    const style = getComputedStyle(node);
    const behind = ground(node);
    const [a, b] = [light(over(rgba(style.color), behind)), light(behind)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) found.push(`contrast ${contrast.toFixed(2)}: ${told(node)}`);
  }
  return found;
}
