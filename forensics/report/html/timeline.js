// The time line: marks are moved, not drawn anew; only the scale is.
(() => {
  const { all, lists } = page;
  const drawing = document.getElementById('drawing');
  if (!drawing) return;
  const limits = [Number(drawing.dataset.first), Number(drawing.dataset.last)];
  const now = Number(drawing.dataset.now);
  const marks = all('circle', drawing).map((mark) => [Number(mark.dataset.d), mark]);
  const scale = drawing.querySelector('.scale');
  const date = (day) => new Date(day * 864e5);
  const opens = [Number(drawing.dataset.begin), Number(drawing.dataset.end)];
  let [from, to] = opens;
  const at = (day) => (100 * (day - from)) / (to - from);
  const svg = (name, attributes, text = '') => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.textContent = text;
    return made;
  };
  const ticks = () => {
    const most = Math.max(3, drawing.clientWidth / 70);
    const months = [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200].find((step) => (to - from) / (30.44 * step) <= most) || 2400;
    if ((to - from) / 30.44 < 2.5) {
      const step = [1, 2, 5, 10, 20].find((days) => (to - from) / days <= most) || 30;
      const first = Math.ceil(from / step) * step;
      return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, n) => first + n * step)
        .map((day) => [day, date(day).toISOString().slice(5, 10)]);
    }
    const found = [];
    let month = Math.ceil((date(from).getUTCFullYear() * 12 + date(from).getUTCMonth() + 1) / months) * months;
    for (; ; month += months) {
      const day = Date.UTC(Math.floor(month / 12), month % 12, 1) / 864e5;
      if (day > to) return found;
      found.push([day, months < 12 ? date(day).toISOString().slice(0, 7) : String(Math.floor(month / 12))]);
    }
  };
  const draw = () => {
    marks.forEach(([day, mark]) => {
      const x = at(day);
      mark.setAttribute('cx', `${x}%`);
      mark.style.display = x < -2 || x > 102 ? 'none' : '';
    });
    all('.now line', drawing).forEach((line) => ['x1', 'x2'].forEach((end) => line.setAttribute(end, `${at(now)}%`)));
    scale.replaceChildren(...ticks().filter(([day]) => at(day) > 1.5 && at(day) < 98.5).flatMap(([day, text]) => [
      svg('line', { x1: `${at(day)}%`, x2: `${at(day)}%`, y1: 18, y2: '100%' }),
      svg('text', { x: `${at(day)}%`, y: 13 }, text),
    ]));
    document.getElementById('span').value = [from, to].map((day) => date(day).toISOString().slice(0, 10)).join(' – ');
  };
  const show = (begin, end) => {
    const length = Math.min(Math.max(end - begin, 7), limits[1] - limits[0]);
    const middle = (begin + end) / 2;
    from = Math.min(Math.max(middle - length / 2, limits[0]), limits[1] - length);
    to = from + length;
    draw();
  };
  const zoom = (factor, centre = (from + to) / 2) =>
    show(centre - (centre - from) * factor, centre + (to - centre) * factor);
  const move = (share) => show(from + (to - from) * share, to + (to - from) * share);
  const actions = {
    in: () => zoom(0.5), out: () => zoom(2), left: () => move(-0.3), right: () => move(0.3),
    all: () => show(...limits), past: () => show(limits[0], now + 30), ahead: () => show(now - 30, limits[1]),
    year: () => show(now - 30, now + 366), opens: () => show(...opens),
  };
  all('[data-zoom]').forEach((button) => button.addEventListener('click', actions[button.dataset.zoom]));
  const keys = { '+': 'in', '=': 'in', '-': 'out', ArrowLeft: 'left', ArrowRight: 'right', Home: 'all' };
  drawing.addEventListener('keydown', (event) => {
    if (keys[event.key] && !event.ctrlKey) { actions[keys[event.key]](); event.preventDefault(); }
  });
  drawing.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.shiftKey) return; // else the page scrolls
    event.preventDefault();
    const box = drawing.getBoundingClientRect();
    const centre = from + ((to - from) * (event.clientX - box.left)) / box.width;
    zoom((event.deltaY || event.deltaX) > 0 ? 1.3 : 1 / 1.3, centre);
  }, { passive: false });
  const dayOf = (mark) => date(Number(mark.dataset.d)).toISOString().slice(0, 10);
  drawing.addEventListener('pointerover', (event) => {
    const mark = event.target.closest('circle');
    if (!mark || mark.firstChild) return;
    const kind = drawing.dataset[mark.dataset.k];
    const lane = all('.lanes li')[mark.dataset.l].textContent;
    const { machineColumn } = drawing.dataset;
    const told = lists.events.items().filter((item) => item.cell(0).startsWith(dayOf(mark)) && item.cell(1) === kind &&
      (!machineColumn || item.cell(Number(machineColumn)) === lane)).map((item) => item.cell(2));
    mark.append(svg('title', {}, [dayOf(mark), ...told.slice(0, 5), ...(told.length > 5 ? ['…'] : [])].join('\n')));
  });
  let held = null;
  drawing.addEventListener('pointerdown', (event) => { held = { x: event.clientX, from, to, moved: false }; });
  addEventListener('pointermove', (event) => {
    if (!held) return;
    const shift = ((held.x - event.clientX) / drawing.clientWidth) * (held.to - held.from);
    held.moved ||= Math.abs(held.x - event.clientX) > 4;
    if (held.moved) show(held.from + shift, held.to + shift);
  });
  addEventListener('pointerup', (event) => {
    const mark = held && !held.moved && event.target.closest && event.target.closest('circle');
    held = null;
    if (!mark) return;
    // What happened that day stands in the table.
    const input = document.querySelector('[data-filter="events"]');
    input.value = dayOf(mark);
    input.dispatchEvent(new Event('input'));
    const table = document.getElementById('events');
    table.open = true;
    table.scrollIntoView({ block: 'nearest' });
  });
  addEventListener('resize', draw);
  draw();
})();
