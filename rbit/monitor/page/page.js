'use strict';
// Draws the state of one rbit and keeps it drawn. All that comes from elsewhere becomes text nodes.
(() => {
  const at = id => document.getElementById(id);
  const state = {};
  let session = { may_act: false, form: '', why: '' };
  let offset = 0;  // the server's clock before ours, ms

  // ---- Elements

  /** A text of a stranger's as it may stand beside ours: what is not seen, or turns its direction, is spelt out. */
  const plain = text => String(text).replace(/[\t\n]/g, ' ').replace(/[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, one => '\\u' + one.charCodeAt(0).toString(16).padStart(4, '0'));
  /** Writes a text where another stood, and touches nothing if it is the same: it may be read aloud. */
  function put(element, text) {
    text = plain(text);
    if (element.textContent !== text) element.textContent = text;
  }
  /** An element: its attributes (`on` are listeners), then its children, texts or elements. */
  function make(name, attributes, ...children) {
    const svg = ['svg', 'rect', 'line', 'text', 'title', 'g'].includes(name);
    const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === 'on') for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
      else if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value === true ? '' : plain(value));
    }
    for (const child of children.flat()) if (child !== null && child !== undefined && child !== '') element.append(child instanceof Node ? child : plain(child));
    return element;
  }
  /** Where the focus is, if it is in a row: that may be drawn anew, or be gone, before it is to be put back. */
  function focused() {
    const row = document.activeElement?.closest('[data-key]');
    return row && { list: row.parentElement, key: row.dataset.key, n: [...row.parentElement.children].indexOf(row), what: document.activeElement.dataset.what };
  }
  function refocus(place) {
    const its = document.activeElement;  // it may still be in a dialog that is closed already
    if (!place || (its && its !== document.body && !its.closest('dialog:not([open])'))) return;
    const rows = [...place.list.children], row = rows.find(one => one.dataset.key === place.key) || rows[Math.min(place.n, rows.length - 1)];
    const target = row && ([...row.querySelectorAll('button')].find(one => one.dataset.what === place.what) || row.querySelector('button'));
    (target || at('main')).focus({ preventScroll: true });
  }
  /** Puts rows in place, and only those that are others: focus and selection stay where they are. */
  function fill(list, rows, empty) {
    const had = new Map([...list.children].map(row => [row.dataset.key, row]));
    if (!rows.length) rows = [{ key: ' none', sum: empty, draw: () => list.tagName === 'TBODY'
      ? make('tr', {}, make('td', { class: 'none', colspan: 9 }, empty)) : make('li', { class: 'none' }, empty) }];
    const wanted = new Set(rows.map(row => row.key));
    const place = list.contains(document.activeElement) ? focused() : null;
    for (const [key, row] of had) if (!wanted.has(key)) row.remove();
    rows.forEach((row, n) => {
      let element = had.get(row.key);
      if (!element || element.dataset.sum !== row.sum) {
        const fresh = row.draw();
        fresh.dataset.key = row.key;
        fresh.dataset.sum = row.sum;
        if (element && element.isConnected) element.replaceWith(fresh);
        element = fresh;
      }
      if (list.children[n] !== element) list.insertBefore(element, list.children[n] || null);
    });
    refocus(place);
  }
  const cell = (label, kind, ...children) => make('td', { class: kind, 'data-label': label }, ...children);
  const button = (what, act, kind, label) =>
    make('button', { type: 'button', class: kind || 'quiet', 'data-what': what, 'aria-label': label, on: { click: act } }, what);

  // ---- Words

  const now = () => Date.now() + offset;
  const two = n => String(n).padStart(2, '0');
  function span(ms) {
    ms = Math.max(0, ms);  // two clocks are never quite the same
    const s = Math.round(ms / 1000);
    if (ms < 950) return ms < 1 ? '<1 ms' : Math.round(ms) + ' ms';
    if (s < 10) return (ms / 1000).toFixed(1) + ' s';
    if (s < 60) return s + ' s';
    if (s < 3600) return Math.floor(s / 60) + 'm ' + two(s % 60) + 's';
    if (s < 172800) return Math.floor(s / 3600) + 'h ' + two(Math.floor(s / 60) % 60) + 'm';
    return Math.floor(s / 86400) + 'd ' + two(Math.floor(s / 3600) % 24) + 'h';
  }
  function moment(micros) {
    const date = new Date(micros / 1000), today = new Date(now());
    const clock = two(date.getHours()) + ':' + two(date.getMinutes()) + ':' + two(date.getSeconds());
    if (date.toDateString() === today.toDateString()) return clock;
    return date.getFullYear() + '-' + two(date.getMonth() + 1) + '-' + two(date.getDate()) + ' ' + clock;
  }
  const time = (micros, kind) => micros > 0 ? make('time', { datetime: new Date(micros / 1000).toISOString(), title: new Date(micros / 1000).toISOString(), class: kind }, moment(micros)) : '';
  /** A text that is written anew each second, by the clock. */
  const ticking = (tick, kind) => { const element = make('span', { class: kind, 'data-tick': '1' }); element.tick = () => { const text = tick(); if (element.textContent !== text) element.textContent = text; }; element.tick(); return element; };
  const bytes = n => n < 1024 ? n + ' B' : n < 1 << 20 ? (n / 1024).toFixed(0) + ' KiB' : n < 2 ** 30 ? (n / 2 ** 20).toFixed(1) + ' MiB' : (n / 2 ** 30).toFixed(1) + ' GiB';
  const count = (n, one, many) => n + ' ' + (n === 1 ? one : many);
  const kinds = { Done: 'good', Failed: 'bad', Building: 'busy', Blocked: 'busy' };
  const pill = status => make('span', { class: 'pill ' + (kinds[status] || '') }, status);
  function left(progress) {
    const s = progress.due ? (progress.due / 1000 - now()) / 1000 : 0;
    if (s <= 0) return '';
    if (s < 50) return ', about ' + (s < 10 ? Math.ceil(s) : Math.ceil(s / 10) * 10) + ' s left';
    if (s < 5400) return ', about ' + Math.ceil(s / 60) + ' min left';
    return s < 172800 ? ', about ' + Math.round(s / 3600) + ' h left' : ', about ' + Math.round(s / 86400) + ' days left';
  }
  function progressText(progress) {
    const text = progress.total > 0 ? progress.done + '/' + progress.total : progress.done > 0 || !progress.text ? String(progress.done) : '';
    return text + (text && progress.text ? ' ' : '') + progress.text;
  }

  // ---- Asking and acting

  let saying = 0;
  function say(text, bad) {
    // What is outside of an open dialog is neither seen nor read aloud.
    (document.querySelector('dialog[open]') || document.body).append(at('said'));
    at('said').className = 'toast' + (bad ? ' bad' : '');
    put(at('said'), text);
    clearTimeout(saying);
    saying = setTimeout(() => { at('said').textContent = ''; }, bad ? 12000 : 5000);
  }
  async function ask(path, options) {
    const answer = await fetch(path, { cache: 'no-store', credentials: 'same-origin', ...options });
    if (answer.status === 401) { location.reload(); throw new Error('the session is over'); }
    return answer;
  }
  async function askJson(path, options) {
    const answer = await ask(path, options);
    const body = await answer.json();
    if (body.error) throw new Error([body.error.thing, body.error.reason].filter(Boolean).join(' ') + (body.error.cure ? ' (' + body.error.cure + ')' : ''));
    return body;
  }
  /** Asks whether it is meant; resolves to true or false. */
  // One question at a time, answered once: the dialog's own close event may come when the next one is open already.
  let question = null;
  function decide(yes) {
    const asked = question;
    question = null;
    if (at('ask').open) at('ask').close();
    if (asked) asked(yes);
  }
  at('a-yes').addEventListener('click', event => { event.preventDefault(); decide(true); });
  at('a-no').addEventListener('click', event => { event.preventDefault(); decide(false); });
  at('ask').addEventListener('cancel', event => { event.preventDefault(); decide(false); });
  at('ask').addEventListener('close', () => { if (!at('ask').open) decide(false); });
  function confirmed(text, yes) {
    decide(false);
    const place = focused();
    return new Promise(answer => {
      question = yes => { refocus(place); answer(yes); };
      put(at('a-text'), text);
      put(at('a-yes'), yes);
      at('ask').showModal();
      at('a-no').focus();
    });
  }
  async function act(order, said, from) {
    const place = focused();
    if (from) from.disabled = true;
    try {
      const done = await askJson('/api/act', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Rbit-Form': session.form }, body: JSON.stringify(order) });
      say(said + (done.key ? ': ' + done.key : ''));
      return done;
    } catch (error) {
      say(error.message, true);
      return null;
    } finally {
      if (from) from.disabled = false;
      refocus(place);
    }
  }
  const named = job => job.job || job.key;
  async function cancel(job, from) {
    if (await confirmed('Cancel job ' + named(job) + '? What it has done so far is thrown away.', 'Cancel the job')) await act({ do: 'cancel', job: job.key }, 'Told to end: ' + named(job), from);
  }
  const retry = (job, from) => act({ do: 'retry', job: job.key }, 'Submitted again', from);

  // ---- The parts of the page

  function drawRbit() {
    const rbit = state.rbit;
    if (!rbit) return;
    put(at('name'), rbit.name);
    document.title = (rbit.well ? '' : '! ') + 'rbit ' + plain(rbit.name);
    put(at('health'), rbit.well ? 'well' : count(rbit.troubles.length, 'trouble', 'troubles'));
    at('health').className = 'pill ' + (rbit.well ? 'good' : 'bad');
    at('troubles').hidden = !rbit.troubles.length;
    at('troubles').replaceChildren(...rbit.troubles.map(one => make('li', {}, one)));
    const broker = rbit.broker, reports = rbit.reports;
    at('facts').replaceChildren(
      make('span', {}, 'rbit ' + rbit.version + ', pid ' + rbit.pid),
      make('span', {}, 'up ', ticking(() => span(now() - rbit.started / 1000))),
      make('span', {}, broker.address + (broker.blocked ? ', which takes no messages' : broker.connected ? ', connected' : ', away')),
      make('span', {}, count(reports.waiting, 'report waits', 'reports wait')),
      ...rbit.disks.map(disk => make('span', { title: disk.path }, disk.name + ' ' + bytes(disk.free) + ' free')));
    put(at('slots'), rbit.slots.used + ' of ' + count(rbit.slots.total, 'slot', 'slots') + ' busy' + (rbit.slots.ahead ? ', ' + rbit.slots.ahead + ' ahead' : ''));
  }
  const figure = (label, value, kind) => cell(label, 'num ' + (value ? kind || '' : 'zero'), value === null || value === undefined ? '?' : String(value));
  const rate = n => n === 0 ? '0' : n < 10 ? n.toFixed(1) : n.toFixed(0);
  const many = 12;  // more of them scroll by themselves, so that what is below is near
  const isPaused = queue => queue.paused_since > 0;
  function drawQueues() {
    if (!state.queues) return;
    at('queues').closest('.table').classList.toggle('tall', state.queues.length > many);
    fill(at('queues'), state.queues.map(queue => ({ key: queue.queue, sum: JSON.stringify([queue, session.may_act]), draw: () => make('tr', {},
      make('td', { class: 'name' }, queue.queue, queue.runner === queue.queue ? '' : make('div', { class: 'sub' }, 'runner ' + queue.runner)),
      make('td', { class: queue.why ? 'why' : 'state' }, make('span', { class: 'pill ' + (queue.state === 'consuming' ? 'good' : isPaused(queue) ? 'busy' : 'bad') }, queue.state), queue.why ? make('div', { class: 'sub' }, queue.why) : '',
        isPaused(queue) ? make('div', { class: 'sub' }, 'since ', time(queue.paused_since)) : ''),
      figure('Waiting', queue.waiting), figure('Running', queue.running),
      cell('Due', 'num ' + (queue.due ? '' : 'zero'), String(queue.due), queue.due && queue.again ? make('div', { class: 'sub' }, 'next ', time(queue.again)) : ''),
      figure('Dead', queue.dead, 'dead-some'), cell('Per minute', 'num ' + (queue.per_minute ? '' : 'zero'), rate(queue.per_minute)),
      make('td', { class: 'acts' }, session.may_act ? (isPaused(queue)
        ? button('Resume', e => act({ do: 'resume', queue: queue.queue }, 'Resumed: ' + queue.queue, e.target), '', 'Resume queue ' + queue.queue)
        : button('Pause', e => act({ do: 'pause', queue: queue.queue }, 'Paused: ' + queue.queue, e.target), 'quiet', 'Pause queue ' + queue.queue)) : '')) })), 'No queues.');
    const all = state.queues.every(isPaused);
    at('pause-all').hidden = !session.may_act || state.queues.length < 2;
    put(at('pause-all'), all ? 'Resume all' : 'Pause all');
  }
  const title = job => make('div', {}, make('button', { type: 'button', class: 'link', 'data-what': 'story', on: { click: () => openStory(job.key) } }, named(job)),
    job.package ? make('div', { class: 'sub' }, job.package + (job.version ? ' ' + job.version : '')) : '');
  function drawRunning() {
    if (!state.running) return;
    put(at('n-running'), state.running.length >= 200 ? 'the first 200 that began' : '');
    at('running').classList.toggle('tall', state.running.length > many);
    fill(at('running'), state.running.map(job => ({ key: job.key, sum: JSON.stringify([job, session.may_act]), draw: () => {
      const progress = job.progress, share = progress && progress.total > 0 ? Math.min(1, progress.done / progress.total) : null;
      return make('li', {},
        make('div', { class: 'card-head' }, make('button', { type: 'button', class: 'link', 'data-what': 'story', on: { click: () => openStory(job.key) } }, named(job)), ticking(() => span(now() - (job.attempt_begun || job.begun) / 1000))),
        make('div', { class: 'sub' }, [job.package && job.package + (job.version ? ' ' + job.version : ''), job.queue, job.attempt > 1 ? 'attempt ' + job.attempt : ''].filter(Boolean).join(' · ')),
        make('div', { class: 'card-foot' }, make('div', {},
          share === null ? '' : make('progress', { value: share, max: 1, 'aria-label': 'Progress of ' + named(job) }),
          progress ? make('div', { class: 'sub' }, share === null ? '' : Math.floor(share * 100) + '% · ', progressText(progress), ticking(() => left(progress)))
            : make('div', { class: 'out', title: job.output }, job.output || job.said || 'no output yet')),
        session.may_act ? button('Cancel', e => cancel(job, e.target), 'danger', 'Cancel job ' + named(job)) : ''));
    } })), 'Nothing runs.');
  }
  function drawWaiting() {
    if (!state.waiting) return;
    put(at('n-waiting'), state.waiting.length >= 50 ? 'the first ones' : '');
    fill(at('waiting'), state.waiting.map(job => ({ key: job.key, sum: JSON.stringify([job, session.may_act]), draw: () => make('tr', {},
      make('td', { class: 'name' }, title(job)), cell('Queue', 'queue', job.queue), make('td', { class: 'state' }, pill(job.status)),
      cell('Why', 'why', job.reason || '', job.message ? make('div', { class: 'sub' }, job.message) : ''),
      job.again ? cell('Again', 'when', time(job.again), make('div', { class: 'sub' }, ticking(() => { const ms = job.again / 1000 - now(); return ms > 0 ? 'in ' + span(ms) : 'now'; }))) : cell('Since', 'when', time(job.queued || job.begun)),
      make('td', { class: 'acts' }, session.may_act ? button('Cancel', e => cancel(job, e.target), 'danger', 'Cancel job ' + named(job)) : '')) })), 'Nothing waits here.');
  }
  const used = resources => resources ? [make('span', { class: 'unbroken' }, span(resources.cpu_us / 1000) + ' CPU,'), ' ', make('span', { class: 'unbroken' }, bytes(resources.memory_kib * 1024))] : [];
  function drawRecent() {
    if (!state.recent) return;
    put(at('n-recent'), state.recent.length >= 50 ? 'the last 50' : '');
    fill(at('recent'), state.recent.map(job => ({ key: job.key, sum: JSON.stringify([job, session.may_act]), draw: () => make('tr', {},
      make('td', { class: 'name' }, title(job)), cell('Queue', 'queue', job.queue), make('td', { class: 'state' }, pill(job.status), job.attempt > 1 ? make('span', { class: 'sub' }, ' attempt ' + job.attempt) : ''),
      cell('Why', 'why', job.reason || '', job.message ? make('div', { class: 'sub' }, job.message) : ''),
      cell('Took', 'num', job.begun && job.ended ? span((job.ended - job.begun) / 1000) : ''), cell('Used', 'used', ...used(job.resources)), cell('Ended', 'when', time(job.ended)),
      make('td', { class: 'acts' }, session.may_act ? button('Retry', e => retry(job, e.target), 'quiet', 'Retry job ' + named(job)) : '')) })), 'No job has ended yet.');
  }

  // ---- Charts

  function chart(name, text, keys, bars, unit) {
    const width = 432, height = 120, base = height - 18, left = 52, n = bars.length, step = (width - left) / n;
    const most = Math.max(...bars.map(bar => bar.top), 0);
    const rows = bars.flatMap((bar, i) => {
      let y = base;
      return bar.parts.filter(part => part.value > 0).map(part => {
        const h = Math.max(1.5, part.value / most * (base - 8));
        if (!part.over) y -= h;
        return make('rect', { class: part.kind, x: (left + i * step + .5).toFixed(2), y: (part.over ? base - h : y).toFixed(2), width: (step - 1).toFixed(2), height: h.toFixed(2) }, make('title', {}, bar.title));
      });
    });
    const clock = i => { const date = new Date(bars[i].from); return two(date.getHours()) + ':' + two(date.getMinutes()); };
    const mark = (i, anchor, x) => make('text', { x, y: height - 3, 'text-anchor': anchor }, clock(i));
    return make('figure', {}, make('figcaption', {}, make('b', {}, name), ...keys.map(([kind, word]) => make('span', { class: 'key k-' + kind }, word))),
      make('svg', { viewBox: '0 0 ' + width + ' ' + height, role: 'img', 'aria-label': text },
        make('line', { class: 'axis', x1: left, x2: width, y1: base + .5, y2: base + .5 }),
        most ? make('line', { class: 'axis', x1: left, x2: width, y1: 8, y2: 8, 'stroke-dasharray': '2 4' }) : '',
        make('text', { x: left - 5, y: 12, 'text-anchor': 'end' }, most ? unit(most) : ''), make('text', { x: left - 5, y: base + 1, 'text-anchor': 'end' }, '0'),
        mark(0, 'start', left), mark(Math.floor(n / 2), 'middle', left + step * Math.floor(n / 2)), make('text', { x: width, y: height - 3, 'text-anchor': 'end' }, 'now'), ...rows));
  }
  let charted = '';
  function drawCharts() {
    const data = state.chart;
    if (!data) return;
    const last = Math.floor(now() / 1000 / data.step), sum = JSON.stringify(data) + last;
    if (sum === charted) return;
    charted = sum;
    const by = new Map(data.ended.map(row => [row[0], row]));
    const slots = Array.from({ length: data.steps }, (_, i) => { const n = last - data.steps + 1 + i; return by.get(n) || [n, 0, 0, 0, 0, 0]; });
    const when = row => moment(row[0] * data.step * 1e6).slice(0, -3), minutes = data.step / 60;
    const ends = slots.map(row => ({ from: row[0] * data.step * 1000, top: row[1] + row[2] + row[3], title: when(row) + ': ' + row[1] + ' done, ' + row[2] + ' failed, ' + row[3] + ' cancelled',
      parts: [{ kind: 'f-done', value: row[1] }, { kind: 'f-failed', value: row[2] }, { kind: 'f-other', value: row[3] }] }));
    const took = slots.map(row => ({ from: row[0] * data.step * 1000, top: row[5] / 1000, title: when(row) + ': half took up to ' + span(row[4] / 1000) + ', the longest ' + span(row[5] / 1000),
      parts: [{ kind: 's-longest', value: row[5] / 1000, over: true }, { kind: 's-median', value: row[4] / 1000, over: true }] }));
    const total = i => slots.reduce((all, row) => all + row[i], 0), jobs = total(1) + total(2) + total(3);
    const hours = Math.round(data.step * data.steps / 3600), best = Math.max(...ends.map(one => one.top));
    const longest = Math.max(...slots.map(row => row[5] / 1000));
    at('charts').replaceChildren(
      chart('Jobs ended every ' + minutes + ' min', jobs ? 'In the last ' + hours + ' hours ' + total(1) + ' jobs were done, ' + total(2) + ' failed and ' + total(3) + ' were cancelled; at most ' + best + ' ended within ' + minutes + ' minutes.' : 'No job ended in the last ' + hours + ' hours.',
        [['done', total(1) + ' done'], ['failed', total(2) + ' failed'], ...(total(3) ? [['other', total(3) + ' cancelled']] : [])], ends, String),
      chart('How long they took', jobs ? 'The longest job that ended in the last ' + hours + ' hours took ' + span(longest) + '.' : 'No job ended in the last ' + hours + ' hours.', [['median', 'median'], ['longest', 'longest']], took, span));
  }

  // ---- Dead letters

  let letters = null;
  async function loadDead() {
    at('show-dead').disabled = true;
    put(at('dead-note'), 'Looking at the dead letters …');
    try {
      letters = await askJson('/api/dead');
      drawDead();
    } catch (error) {
      put(at('dead-note'), error.message);
    } finally {
      at('show-dead').disabled = false;
      put(at('show-dead'), 'Look again');
    }
  }
  function drawDead() {
    const known = (state.queues || []).reduce((all, queue) => all + (queue.dead || 0), 0);
    if (!letters) { put(at('dead-note'), known ? count(known, 'dead letter', 'dead letters') + '.' : 'There are none.'); at('show-dead').hidden = !known; return; }
    at('show-dead').hidden = false;
    put(at('dead-note'), letters.more ? 'The first ' + letters.letters.length + ' of ' + (known || 'more') + '; rbit dead list shows more.' : '');
    at('dead-table').hidden = false;
    const gone = async (order, said, letter, from) => { if (await act(order, said, from)) { letters.letters = letters.letters.filter(one => one !== letter); drawDead(); if (letters.more && !letters.letters.length) loadDead(); } };
    fill(at('dead'), letters.letters.map(letter => ({ key: letter.queue + '\n' + letter.n + '\n' + letter.id, sum: JSON.stringify([letter, session.may_act]), draw: () => make('tr', {},
      make('td', { class: 'name' }, letter.job || letter.id, letter.package ? make('div', { class: 'sub' }, letter.package + (letter.version ? ' ' + letter.version : '')) : ''),
      cell('Queue', 'queue', letter.queue), cell('Reason', 'why', letter.reason, letter.detail ? make('div', { class: 'sub' }, letter.detail) : ''), cell('Died', 'when', time(letter.ended)),
      make('td', { class: 'acts' }, session.may_act && letter.id ? [
        button('Replay', e => gone({ do: 'replay', queue: letter.queue, id: letter.id }, 'Put back into ' + letter.queue, letter, e.target), 'quiet', 'Replay ' + letter.id),
        button('Drop', async e => { if (await confirmed('Delete dead letter ' + (letter.job || letter.id) + ' of ' + letter.queue + ' for ever?', 'Delete it')) await gone({ do: 'drop', queue: letter.queue, id: letter.id }, 'Deleted', letter, e.target); }, 'danger', 'Drop ' + letter.id)] : '')) })), 'There are none.');
  }

  // ---- One job

  let story = null, shown = '', following = 0, followed = 0, opener = null;  // `followed`: the attempt
  async function openStory(key) {
    closeLog();
    shown = key;
    opener = focused();
    put(at('s-title'), key);
    for (const id of ['s-facts', 's-acts', 's-events', 's-log']) at(id).replaceChildren();
    at('s-attempts').hidden = true;
    if (!at('story').open) at('story').showModal();
    if (await loadStory()) followLog(0);
  }
  async function loadStory() {
    const key = shown;
    try {
      const told = await askJson('/api/job/' + encodeURIComponent(key));
      if (key !== shown) return false;
      const before = story;
      story = told;
      drawStory();
      if (before && told.attempt !== before.attempt && followed === before.attempt) followLog(0);
      return true;
    } catch (error) {
      if (key === shown) at('s-facts').replaceChildren(plain(error.message));
      return false;
    }
  }
  const verdict = (word, line) => word + (line.reason ? ' (' + line.reason + ')' : '') + (line.message ? ': ' + line.message : '');
  const fate = row => row.state + (row.tries ? ' after ' + count(row.tries, 'try', 'tries') + ' in vain' : '') + (row.state === 'waiting' && row.due ? ', next try ' + moment(row.due) : '') + (row.note ? ', ' + row.note : '');
  function drawStory() {
    const job = story;
    at('s-title').replaceChildren('Job ' + named(job) + ' ', pill(job.status));
    at('s-facts').replaceChildren(...[job.package && job.package + (job.version ? ' ' + job.version : ''), 'queue ' + job.queue, 'runner ' + job.runner, job.job ? 'key ' + job.key : '', job.reason && verdict('', job).trim(),
      job.progress ? progressText(job.progress) : ''].filter(Boolean).map(text => make('span', {}, text)));
    const over = !['waiting', 'running', 'blocked'].includes(job.state);
    if (session.may_act && at('s-acts').textContent !== (over ? 'Retry' : 'Cancel'))
      at('s-acts').replaceChildren(over ? button('Retry', e => retry(job, e.target)) : button('Cancel', e => cancel(job, e.target), 'danger'));
    const events = [], add = (when, what) => events.push([when, what]);
    if (job.queued) add(job.queued, 'came into ' + job.queue);
    for (const one of job.attempts || []) {
      const name = 'attempt ' + one.attempt;
      add(one.begun, (one.redelivered ? 'delivered again, ' : 'delivered, ') + name + ' begins on ' + one.worker);
      if (!one.ended) continue;
      add(one.ended, name + ' ends: ' + verdict(one.outcome, one) + (one.exit && one.exit !== one.reason ? '; its process: ' + one.exit : ''));
      add(one.ended, name + ' used ' + span(one.wall_us / 1000) + ', processor ' + span(one.cpu_us / 1000) + ', memory ' + bytes(one.memory_kib * 1024) + ', output ' + bytes(one.output_bytes));
    }
    for (const one of job.deliveries || []) add(one.time, one.what === 'joined' ? 'delivered again, joined the running job' : 'delivered again, got the same answer again');
    for (const one of job.reports || []) add(one.time, 'report ' + one.seq + ' to ' + one.target + ': ' + verdict(one.status, one) + '; ' + fate(one));
    for (const one of job.publications || []) add(one.time, (one.reply ? 'answer ' : 'message ') + one.seq + ' to ' + one.to + ': ' + fate(one));
    for (const one of job.dead || []) add(one.time, 'dead letter: ' + one.reason);
    if (job.again) add(job.again, 'is to come again');
    events.forEach((one, i) => { one[2] = i; });
    events.sort((a, b) => a[0] - b[0] || a[2] - b[2]);
    for (const path of job.artifacts || []) events.push([0, 'artifact: ' + path]);
    if (job.result !== null && job.result !== undefined && job.result !== '') events.push([0, 'result: ' + JSON.stringify(job.result).slice(0, 2000)]);
    at('s-events').replaceChildren(...events.map(([when, what]) => make('li', {}, time(when) || make('span'), make('span', {}, what))));
    const attempts = (job.attempts || []).map(one => one.attempt);
    at('s-attempts').hidden = attempts.length < 2;
    const chosen = at('s-attempt').value;
    at('s-attempt').replaceChildren(...attempts.map(n => make('option', { value: n }, String(n))));
    at('s-attempt').value = attempts.includes(Number(chosen)) && !at('s-attempts').hidden && chosen ? chosen : attempts[attempts.length - 1];
  }
  function closeLog() { ++following; followed = 0; at('s-live').hidden = true; at('s-cut').hidden = true; }

  /** Follows the output of an attempt, 0 the last, while somebody looks and more may come. */
  async function followLog(attempt) {
    closeLog();
    const mine = following, log = at('s-log'), key = shown;
    const wait = ms => new Promise(done => setTimeout(done, ms));
    let from = -1, pause = 1000, write = null, text = null;
    log.replaceChildren();
    for (;;) {
      let answer = null, body = null;
      try {
        answer = await ask('/api/log/' + encodeURIComponent(key) + '?attempt=' + attempt + (from >= 0 ? '&from=' + from : ''));
        body = new Uint8Array(await answer.arrayBuffer());
      } catch { answer = null; }  // it comes back
      if (mine !== following || !at('story').open) return;
      const is = name => answer ? Number(answer.headers.get('X-Rbit-' + name)) : 0;
      const isOpen = answer ? answer.ok && is('Open') === 1 : !at('s-live').hidden;
      if (answer && answer.ok) {
        if (!write || is('From') !== from) {  // the beginning, or the middle was taken out meanwhile
          log.replaceChildren();
          write = outputWriter(log);
          text = new TextDecoder();
          at('s-cut').hidden = is('From') === 0;
        }
        attempt = followed = is('Attempt');
        const low = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
        if (!write(text.decode(body, { stream: true }))) at('s-cut').hidden = false;
        if (low) log.scrollTop = log.scrollHeight;
        from = is('Next');
      }
      if (answer && !isOpen && !(answer.ok && from < is('Size'))) {
        if (!log.textContent) log.textContent = 'It has written nothing.';
        if (!at('s-live').hidden) loadStory();
        at('s-live').hidden = true;
        return;
      }
      at('s-live').hidden = !isOpen;
      pause = !answer ? 4000 : from < is('Size') ? 50 : body.length ? 1000 : Math.min(Math.max(pause, 1000) * 1.5, 4000);
      await wait(pause);
      if (mine !== following) return;
    }
  }

  // ---- Hearing of changes

  const draw = { rbit: drawRbit, queues: () => { drawQueues(); drawDead(); }, running: drawRunning, waiting: drawWaiting, recent: drawRecent, chart: drawCharts };
  function take(parts) {
    Object.assign(state, parts);
    for (const name of Object.keys(parts)) if (draw[name]) draw[name]();
    if (!at('story').open || !shown || !story) return;
    const job = [...(parts.running || []), ...(parts.recent || []), ...(parts.waiting || [])].find(one => one.key === shown);
    if (job && (job.state !== story.state || job.attempt !== story.attempt || job.said !== story.said)) loadStory();
  }
  function lost(why) {
    at('link').hidden = !why;
    put(at('link'), why);
  }
  let events = null, polling = 0;
  function hear() {
    clearTimeout(polling);
    if (events) events.close();
    events = new EventSource('/events');
    events.onopen = () => lost('');
    const heard = event => { lost(''); take(JSON.parse(event.data)); };
    events.addEventListener('state', heard);
    events.addEventListener('change', heard);
    events.onerror = () => {
      if (events.readyState !== EventSource.CLOSED) return lost('connection lost');
      polling = setTimeout(poll, 5000);  // too many listen, or the session is over
    };
  }
  async function poll() {
    try {
      take(await askJson('/api/state'));
      lost('');
      polling = setTimeout(hear, 15000);
    } catch {
      lost('connection lost');
      polling = setTimeout(poll, 5000);
    }
  }
  async function begin() {
    session = await askJson('/api/session');
    offset = session.now / 1000 - Date.now();
    at('leave').hidden = !session.may_act;
    put(at('how'), session.why);
    hear();
  }
  at('pause-all').addEventListener('click', e => {
    const all = state.queues.every(isPaused);
    act({ do: all ? 'resume' : 'pause', queue: '' }, all ? 'All queues are resumed' : 'All queues are paused', e.target);
  });
  at('leave').addEventListener('submit', async e => {
    e.preventDefault();
    await ask('/logout', { method: 'POST', headers: { 'X-Rbit-Form': session.form }, redirect: 'manual' });
    location.reload();
  });
  at('show-dead').addEventListener('click', loadDead);
  at('s-close').addEventListener('click', () => at('story').close());
  at('story').addEventListener('close', () => { if (at('story').open) return; closeLog(); story = null; shown = ''; refocus(opener); });
  at('s-attempt').addEventListener('change', () => followLog(Number(at('s-attempt').value)));
  setInterval(() => { if (document.hidden) return; for (const one of document.querySelectorAll('[data-tick]')) one.tick(); drawCharts(); }, 1000);
  begin().catch(() => { lost('connection lost'); polling = setTimeout(() => begin().catch(() => location.reload()), 5000); });
})();
