/** How each kind of event looks, in the chart, in the list and in the legend. */

/** What the legend says of each kind. */
export const KINDS = /** @type {readonly (readonly [import('../../trace.ts').TraceKind, string])[]} */ ([
  ['write', 'write'],
  ['state', 'state'],
  ['send', 'send'],
  ['receive', 'receive'],
  ['delete', 'delete'],
  ['dead', 'dead letter'],
  ['begin', 'begin'],
  ['end', 'end'],
  ['batch', 'batch'],
  ['call', 'call'],
  ['fault', 'fault'],
  ['role', 'role'],
  ['operator', 'operator'],
  ['phase', 'phase'],
  ['violation', 'violation'],
]);

/**
 * Draws the sign of a kind around (x, y).
 * @param {CanvasRenderingContext2D} c @param {import('../../trace.ts').TraceKind} kind @param {number} x @param {number} y
 * @param {string} colour of the member that it comes from @param {import('./theme.js').Theme} theme
 */
export function drawGlyph(c, kind, x, y, colour, theme) {
  c.lineWidth = 1.5;
  c.fillStyle = colour;
  c.strokeStyle = colour;
  switch (kind) {
    case 'write':
      dot(c, x, y, 3.4);
      return;
    case 'state':
      polygon(c, [x, y - 4.2, x + 4.2, y, x, y + 4.2, x - 4.2, y]);
      return;
    case 'send':
      c.fillRect(x - 1, y - 4, 2, 8);
      c.globalAlpha *= 0.55;
      c.fillRect(x + 1, y - 1, 7, 2);
      c.globalAlpha /= 0.55;
      return;
    case 'receive':
      bar(c, x - 3, x + 8, y, 6);
      c.fillStyle = theme.ink;
      c.fillRect(x - 3, y - 4.5, 1.5, 9);
      return;
    case 'delete':
      bar(c, x - 8, x + 2, y, 6);
      return;
    case 'dead':
      cross(c, x, y, 3.4, theme.bad, true);
      return;
    case 'begin':
      c.fillStyle = theme.run;
      c.fillRect(x - 2, y - 3.5, 1.5, 7);
      c.fillRect(x - 2, y - 1.5, 9, 3);
      return;
    case 'end':
      c.fillStyle = theme.run;
      c.fillRect(x + 1, y - 3.5, 1.5, 7);
      c.fillRect(x - 7, y - 1.5, 9, 3);
      return;
    case 'batch':
      c.strokeStyle = theme.run;
      c.lineWidth = 1.5;
      c.strokeRect(x - 2.5, y - 2.5, 5, 5);
      return;
    case 'call':
      c.strokeStyle = theme.fault;
      polygon(c, [x, y - 3.4, x + 3.6, y + 2.8, x - 3.6, y + 2.8], true);
      return;
    case 'fault':
      c.fillStyle = theme.fault;
      polygon(c, [x, y - 4.4, x + 4.6, y + 3.6, x - 4.6, y + 3.6]);
      return;
    case 'role':
      c.fillRect(x - 0.75, y - 5.5, 1.5, 11);
      polygon(c, [x + 0.75, y - 5.5, x + 7.5, y - 2.75, x + 0.75, y]);
      return;
    case 'operator':
      c.strokeStyle = theme.ink;
      c.beginPath();
      c.arc(x, y, 3.6, 0, 2 * Math.PI);
      c.stroke();
      return;
    case 'phase':
      c.fillStyle = theme.soft;
      c.fillRect(x - 5, y - 4, 1.5, 8);
      c.globalAlpha *= 0.3;
      c.fillRect(x - 3.5, y - 4, 9, 8);
      c.globalAlpha /= 0.3;
      return;
    case 'violation':
      c.fillStyle = theme.bad;
      c.fillRect(x - 1, y - 6, 2, 12);
      return;
  }
}

/** @param {CanvasRenderingContext2D} c @param {number} x @param {number} y @param {number} r */
function dot(c, x, y, r) {
  c.beginPath();
  c.arc(x, y, r, 0, 2 * Math.PI);
  c.fill();
}

/** @param {CanvasRenderingContext2D} c @param {number[]} points @param {boolean} [hollow] */
export function polygon(c, points, hollow = false) {
  c.beginPath();
  for (let i = 0; i < points.length; i += 2) c.lineTo(/** @type {number} */ (points[i]), /** @type {number} */ (points[i + 1]));
  c.closePath();
  if (hollow) c.stroke();
  else c.fill();
}

/** A bar with round ends, at least a pixel and a half wide. @param {CanvasRenderingContext2D} c @param {number} x0 @param {number} x1 @param {number} y @param {number} height */
export function bar(c, x0, x1, y, height) {
  const width = Math.max(1.5, x1 - x0);
  if (width < 5) c.fillRect(x0, y - height / 2, width, height);
  else {
    c.beginPath();
    c.roundRect(x0, y - height / 2, width, height, Math.min(2.5, height / 2));
    c.fill();
  }
}

/** @param {CanvasRenderingContext2D} c @param {number} x @param {number} y @param {number} r @param {string} colour @param {boolean} [boxed] */
export function cross(c, x, y, r, colour, boxed = false) {
  c.strokeStyle = colour;
  c.lineWidth = 1.6;
  c.beginPath();
  c.moveTo(x - r, y - r);
  c.lineTo(x + r, y + r);
  c.moveTo(x + r, y - r);
  c.lineTo(x - r, y + r);
  if (boxed) c.rect(x - r - 1, y - r - 1, 2 * r + 2, 2 * r + 2);
  c.stroke();
}
