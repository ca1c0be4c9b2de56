import { runSeed } from './run.ts';

const from = Number(process.argv[2] ?? 1);
const n = Number(process.argv[3] ?? 10);
const t0 = performance.now();
let bad = 0,
  vms = 0,
  writes = 0,
  calls = 0;
const inj: Record<string, number> = {};
for (let s = from; s < from + n; s++) {
  const t1 = performance.now();
  const { outcome } = await runSeed(s);
  vms += outcome.virtualMs;
  writes += outcome.writes;
  calls += outcome.calls;
  for (const [k, v] of Object.entries(outcome.injected)) inj[k] = (inj[k] ?? 0) + v;
  if (outcome.violation) {
    bad++;
    if (bad < 12) console.log(s, outcome.violation.rule, outcome.violation.message, JSON.stringify(outcome.knobs));
  }
  if (n <= 5 || performance.now() - t1 > 2000) console.log(JSON.stringify(outcome), (performance.now() - t1).toFixed(0) + 'ms');
}
const s = (performance.now() - t0) / 1000;
console.log(
  {
    seeds: n,
    bad,
    secs: s.toFixed(1),
    perSec: (n / s).toFixed(1),
    virtualHours: (vms / 3.6e6).toFixed(1),
    writes,
    calls,
    usPerCall: ((s * 1e6) / calls).toFixed(1),
  },
  inj,
);
