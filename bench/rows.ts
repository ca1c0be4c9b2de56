import type { Figure } from './stats.ts';

/** The rows of the bench's table, and what they are to reach. Pure. */

/** What a row is to reach, by issue or decision. The value or the ratio is compared; its median counts. */
export interface Goal {
  readonly on: 'value' | 'ratio';
  readonly op: '>=' | '<=' | '<';
  readonly limit: number;
}

/** One line of the table. */
export interface Row {
  /** Name of the measurement that it belongs to: what `--only` takes. */
  readonly group: Group;
  readonly name: string;
  readonly unit: string;
  readonly value: Figure;
  /** To what `ratioTo` names, paired round by round. */
  readonly ratio?: Figure;
  readonly ratioTo?: string;
  readonly goal?: Goal;
  /** A remark that a reader needs to understand the number. */
  readonly note?: string;
}

/** The measurements that can be chosen. */
export const GROUPS = [
  'raw',
  'fanout',
  'apply',
  'cpu',
  'pipeline',
  'memory',
  'archive',
  'snapshot',
  'restore',
  'history',
  'archive-memory',
  'sweep',
  'sweep-memory',
  'bytes',
  'fold',
  'digest',
] as const;
export type Group = (typeof GROUPS)[number];

/** Goals of the issues "Replicate", point 9, "Archive", point 8, and "Reconcile". */
export const GOALS = {
  apply: { on: 'ratio', op: '>=', limit: 0.65 },
  fanout: { on: 'ratio', op: '>=', limit: 10 },
  cpu: { on: 'ratio', op: '<=', limit: 1.5 },
  pipeline: { on: 'ratio', op: '>=', limit: 0.5 },
  lagHalfP50: { on: 'value', op: '<=', limit: 300 },
  lagHalfP99: { on: 'value', op: '<=', limit: 1_000 },
  lagIdleP50: { on: 'value', op: '<=', limit: 60 },
  memory: { on: 'value', op: '<', limit: 256 },
  archive: { on: 'ratio', op: '>=', limit: 10 },
  snapshot: { on: 'ratio', op: '>=', limit: 0.8 },
  restore: { on: 'ratio', op: '>=', limit: 0.8 },
  historyMs: { on: 'value', op: '<', limit: 200 },
  historyPercent: { on: 'value', op: '<', limit: 1 },
  archiveMemory: { on: 'value', op: '<', limit: 512 },
  sweep: { on: 'ratio', op: '>=', limit: 0.8 },
  sweepMemory: { on: 'value', op: '<', limit: 256 },
  bytes: { on: 'value', op: '<=', limit: 200 },
  digest: { on: 'value', op: '<=', limit: 5 },
} as const satisfies Readonly<Record<string, Goal>>;

/** Whether a row has reached its goal; undefined without one, or when what it compares was not measured. */
export function reached(row: Row): boolean | undefined {
  if (row.goal === undefined) return undefined;
  const seen = (row.goal.on === 'ratio' ? row.ratio : row.value)?.median;
  if (seen === undefined) return undefined;
  return { '>=': seen >= row.goal.limit, '<=': seen <= row.goal.limit, '<': seen < row.goal.limit }[row.goal.op];
}

/** "≥ 0.65 × raw", "≤ 300 ms". */
export function goalText(row: Row): string {
  if (row.goal === undefined) return '';
  const op = { '>=': '≥', '<=': '≤', '<': '<' }[row.goal.op];
  return `${op} ${number(row.goal.limit)} ${row.goal.on === 'ratio' ? `× ${row.ratioTo ?? 'raw'}` : row.unit}`;
}

/** A number with three significant digits or so, thousands apart. */
export function number(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

/** "4,310 (4,020–4,500)"; without the range for a single repeat. */
export function figureText({ median, min, max, repeats }: Figure): string {
  return repeats === 1 ? number(median) : `${number(median)} (${number(min)}–${number(max)})`;
}
