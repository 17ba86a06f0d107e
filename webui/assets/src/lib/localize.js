// Words of an editor that has no translation of its own: what it draws is read, and what the dictionary knows is said in it.
// `texts(element)`: whether the text in an element is the editor's own; what a person wrote is left alone.
const ATTRIBUTES = ["title", "placeholder", "aria-label"];

export function localize(root, dictionary, texts = () => true) {
  const said = (text) => (Object.hasOwn(dictionary, text) ? dictionary[text] : undefined);

  function text(node) {
    const known = said(node.data.trim());
    if (known !== undefined && node.data.trim() !== known && texts(node.parentElement)) node.data = node.data.replace(node.data.trim(), known);
  }

  function attributes(element) {
    for (const name of ATTRIBUTES) {
      const known = element.hasAttribute(name) ? said(element.getAttribute(name).trim()) : undefined;
      if (known !== undefined && known !== element.getAttribute(name)) element.setAttribute(name, known);
    }
  }

  function visit(node) {
    if (node.nodeType === Node.TEXT_NODE) return text(node);
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    attributes(node);
    node.childNodes.forEach(visit);
  }

  visit(root);
  new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "childList") addedNodes.forEach(visit);
      else if (type === "characterData") text(target);
      else attributes(target);
    }
  }).observe(root, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES });
}
