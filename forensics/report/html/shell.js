'use strict';
// What every page does: it opens what is folded when it is printed, leads to what lies in it, and copies commands.
const page = (() => {
  const root = document.documentElement;
  root.classList.add('js');
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const made = (name, kind = '', ...children) => {
    const element = document.createElement(name);
    if (kind) element.className = kind;
    element.append(...children);
    return element;
  };

  // Lists hold more than they show: each brings what a link leads to, and shows all of itself on paper.
  const lists = {};

  const found = (hash) => {
    const id = decodeURIComponent(hash.slice(1));
    if (id && !document.getElementById(id)) Object.values(lists).some((list) => list.bring(id));
    return id && document.getElementById(id);
  };
  const reveal = () => {
    const target = found(location.hash);
    if (!target) return;
    target.hidden = false;
    for (let at = target; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true;
    target.scrollIntoView();
  };
  addEventListener('hashchange', reveal);
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.hash === location.hash) reveal();
    else if (link) found(link.hash);
  });

  let folded = [];
  addEventListener('beforeprint', () => {
    Object.values(lists).forEach((list) => list.spread());
    folded = all('details:not([open])');
    folded.forEach((details) => { details.open = true; });
  });
  addEventListener('afterprint', () => {
    folded.forEach((details) => { details.open = false; });
    Object.values(lists).forEach((list) => list.gather());
  });

  const copy = async (button) => {
    const code = button.parentElement.querySelector('code');
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);
      document.execCommand('copy');
    }
    button.textContent = '✓';
    setTimeout(() => { button.textContent = label; }, 1500);
  };
  all('.copy').forEach((button) => {
    button.hidden = false;
    button.addEventListener('click', () => copy(button));
  });

  addEventListener('load', reveal);
  return { all, made, lists, root };
})();
