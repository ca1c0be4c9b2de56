// The page of one trace. Plain JavaScript with types in comments, checked by the tsconfig.json beside it; the decisions
// are in the TypeScript modules one folder up, which the tests call.
import { makeChart } from './chart.js';
import { makeDetails } from './details.js';
import { bindKeys } from './keyboard.js';
import { makeList } from './list.js';
import { makeOverview } from './overview.js';
import { bindPointer } from './pointer.js';
import { makeState } from './state.js';
import { makeToolbar } from './toolbar.js';
import { makeTransport } from './transport.js';

const { header, left, events } = JSON.parse(/** @type {HTMLElement} */ (document.getElementById('trace')).textContent ?? '');
const state = makeState(header, events, left);

const chart = makeChart(state);
const transport = makeTransport(state);
bindPointer(state, chart);
bindKeys(state, transport);
const views = [makeToolbar(state), chart, makeList(state), makeDetails(state), makeOverview(state), transport];

let asked = false;
/** Everything is drawn together, at most once a frame. */
state.onChange(() => {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const what = state.takeChanges();
    for (const view of views) view.update(what);
  });
});
new ResizeObserver(() => state.changed('size')).observe(document.body);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => state.changed('theme'));
state.changed('view', 'choice', 'cursor', 'focus', 'size', 'theme');
// For a script that drives the page, and for a curious reader at the console.
Object.assign(globalThis, { syncline: state });
