'use strict';
/**
 * Writes a job's output into an element, piece by piece: colours become spans, other escapes and
 * control characters go, and a carriage return begins its line anew, as on a terminal. Of much
 * output the end stays. Returns a function that takes the next piece and tells whether all of it is
 * still there. Takes time in proportion to the piece, whatever is in it.
 */
function outputWriter(element) {
  const most = 1 << 19, mostNodes = 20000;
  let style = {}, rest = '', line = [], isReturned = false, size = 0, isWhole = true;
  const kinds = () => [style.bold && 'a-bold', style.dim && 'a-dim', style.italic && 'a-italic', style.under && 'a-under', style.strike && 'a-strike', style.ink !== undefined && 'f' + style.ink, style.back !== undefined && 'b' + style.back % 8].filter(Boolean).join(' ');
  // Those that turn the direction of what follows, too.
  const unseen = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
  function append(text) {
    if (!text) return [];
    let node = document.createTextNode(text);
    if (kinds()) {
      const coloured = document.createElement('span');
      coloured.className = kinds();
      coloured.append(node);
      node = coloured;
    }
    element.append(node);
    size += text.length;
    return [node];
  }
  function write(text) {
    const lines = text.replace(unseen, '').split('\n');
    let ended = '';
    lines.forEach((one, i) => {
      const isEnded = i + 1 < lines.length;
      let end = one.length;
      while (end > 0 && one[end - 1] === '\r') --end;
      const begin = end > 0 ? one.lastIndexOf('\r', end - 1) + 1 : 0;
      if (begin > 0 || (isReturned && end > 0)) {  // over what stood there
        for (const node of line) { size -= node.textContent.length; node.remove(); }
        line = [];
        isReturned = false;
      }
      isReturned = !isEnded && (isReturned || end < one.length);
      if (isEnded) { ended += one.slice(begin, end) + '\n'; return; }
      append(ended);
      if (ended) line = [];
      line.push(...append(one.slice(begin, end)));
    });
    while (size > most || element.childNodes.length > mostNodes) {
      size -= element.firstChild.textContent.length;
      element.firstChild.remove();
      isWhole = false;
    }
  }
  // One of 256 colours, as the nearest of 16; so is one by its parts.
  const near = (r, g, b) => { const top = Math.max(r, g, b); return top < 60 ? 0 : (r > top * .6 ? 1 : 0) + (g > top * .6 ? 2 : 0) + (b > top * .6 ? 4 : 0) + (top > 190 ? 8 : 0); };
  const of256 = n => n < 16 ? n : n >= 232 ? (n < 240 ? 8 : 7) : (n -= 16, near(Math.floor(n / 36) * 51, Math.floor(n / 6) % 6 * 51, n % 6 * 51));
  function apply(codes) {
    const list = codes.split(/[;:]/).map(Number);
    for (let i = 0; i < list.length; ++i) {
      const n = list[i];
      if (n === 0) style = {};
      else if (n === 1) style.bold = true; else if (n === 2) style.dim = true; else if (n === 3) style.italic = true; else if (n === 4) style.under = true; else if (n === 9) style.strike = true;
      else if (n === 22) style.bold = style.dim = false; else if (n === 23) style.italic = false; else if (n === 24) style.under = false; else if (n === 29) style.strike = false;
      else if (n >= 30 && n <= 37) style.ink = n - 30; else if (n >= 90 && n <= 97) style.ink = n - 82; else if (n === 39) delete style.ink;
      else if (n >= 40 && n <= 47) style.back = n - 40; else if (n >= 100 && n <= 107) style.back = n - 92; else if (n === 49) delete style.back;
      else if (n === 38 || n === 48) {
        const colour = list[i + 1] === 5 ? of256(list[i + 2] || 0) : near(list[i + 2] || 0, list[i + 3] || 0, list[i + 4] || 0);
        i += list[i + 1] === 5 ? 2 : 4;
        if (n === 38) style.ink = colour; else style.back = colour;
      }
    }
  }
  // Colours; other sequences; strings to the terminal (titles, links); what is cut off at the end.
  const escape = /\x1b\[([0-9;:]*)m|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-OQ-WYZ\\`-~]|(\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*))$/g;
  return text => {
    text = rest + text;
    rest = '';
    let last = 0;
    for (const found of text.matchAll(escape)) {
      if (last < found.index) write(text.slice(last, found.index));
      last = found.index + found[0].length;
      if (found[1] !== undefined) apply(found[1]);
      else if (found[2] !== undefined && found[2].length < 4096) rest = found[2];
    }
    if (last < text.length) write(text.slice(last));
    return isWhole;
  };
}
