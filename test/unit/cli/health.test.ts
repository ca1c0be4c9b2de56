import { describe, expect, it } from 'vitest';
import { LINK_STALE_AFTER_MS, STALLED_AFTER_MS } from '../../../lib/core/constants.ts';
import type { Link } from '../../../lib/core/formats/rows.ts';
import type { LinkEvidence, LinkState } from '../../../lib/status/health.ts';
import { IDLE_AFTER_MS, LAGGING_AFTER_MS, linkHealth, MARKER_OVERDUE_MS } from '../../../lib/status/health.ts';
import { ago, span } from '../../../lib/status/span.ts';

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const open = (more: Partial<Link> = {}): Link => ({ target: 'b', state: 'open', since: NOW - HOUR, ...more });
const mark = (sentAgo: number, lag = 100): NonNullable<Link['mark']> => ({ sent: NOW - sentAgo, arrived: NOW - sentAgo + lag });
const empty = { visible: 0, inFlight: 0, delayed: 0 };
const busy = { visible: 3, inFlight: 1, delayed: 0 };
const active: LinkEvidence = { active: true };

const cases: readonly [string, Link | undefined, LinkEvidence, LinkState, boolean, RegExp][] = [
  ['a secondary sends nothing, whatever its row says', open({ state: 'stale' }), { active: false }, 'standby', false, /not the primary/],
  ['no row at the primary', undefined, active, 'unknown', true, /syncline init/],
  ['stale wins over everything', open({ state: 'stale', why: 'queue refused', failing: { since: NOW, why: 'x' } }), active, 'stale', true, /queue refused/],
  ['paused a while', open({ state: 'paused', since: NOW - HOUR, why: 'by hand' }), active, 'paused', false, /1 h: by hand/],
  ['paused nearly too long', open({ state: 'paused', since: NOW - LINK_STALE_AFTER_MS * 0.8 }), active, 'paused', true, /resume it before/],
  [
    'the target fails though markers are fresh',
    open({ failing: { since: NOW - 5_000, why: 'throttled' }, mark: mark(1_000) }),
    active,
    'failing',
    true,
    /5 s: throttled/,
  ],
  ['the queue refuses', open({ refusing: { since: NOW - 5_000, why: 'denied' }, mark: mark(1_000) }), active, 'failing', true, /refused sends for 5 s: denied/],
  ['no marker ever, long open', open(), active, 'stalled', true, /has ever arrived/],
  ['no marker yet, just opened', open({ since: NOW - 10_000 }), active, 'unknown', false, /no marker has arrived yet/],
  ['reopened just now, with an old marker', open({ since: NOW - 10_000, mark: mark(HOUR) }), active, 'lagging', false, /overdue/],
  ['marker at the limit', open({ mark: mark(STALLED_AFTER_MS + 100) }), active, 'lagging', false, /overdue/],
  ['marker past the limit', open({ mark: mark(STALLED_AFTER_MS + 101) }), active, 'stalled', true, /5 min/],
  ['a slow marker', open({ mark: mark(LAGGING_AFTER_MS + 2_000, LAGGING_AFTER_MS + 1) }), active, 'lagging', false, /took 30 s/],
  ['a marker that is just not slow', open({ mark: mark(LAGGING_AFTER_MS + 2_000, LAGGING_AFTER_MS) }), active, 'ok', false, /in time/],
  ['one marker overdue', open({ mark: mark(MARKER_OVERDUE_MS + 1) }), active, 'lagging', false, /overdue/],
  ['fresh markers, empty queue, no writes known', open({ mark: mark(20_000) }), { active: true, depth: empty }, 'idle', false, /Nothing is on its way/],
  [
    'fresh markers, empty queue, old writes',
    open({ mark: mark(20_000) }),
    { active: true, depth: empty, lastSentMs: NOW - IDLE_AFTER_MS - 1 },
    'idle',
    false,
    /./,
  ],
  ['fresh markers, empty queue, writes just now', open({ mark: mark(20_000) }), { active: true, depth: empty, lastSentMs: NOW - 500 }, 'ok', false, /in time/],
  ['fresh markers, messages on the way', open({ mark: mark(20_000) }), { active: true, depth: busy, lastSentMs: NOW - HOUR }, 'ok', false, /in time/],
  ['the depth is not known', open({ mark: mark(20_000) }), active, 'ok', false, /in time/],
];

describe('linkHealth', () => {
  it.each(cases)('%s', (_, link, evidence, state, attention, reason) => {
    const health = linkHealth(link, NOW, evidence);
    expect(health).toMatchObject({ state, attention });
    expect(health.reason).toMatch(reason);
  });

  it('tells lag and age of the newest marker', () => {
    expect(linkHealth(open({ mark: mark(20_000, 150) }), NOW, active)).toMatchObject({ lagMs: 150, markAgeMs: 19_850 });
  });

  it('never shows a negative age when this clock runs behind', () => {
    expect(linkHealth(open({ since: NOW + HOUR, mark: mark(-HOUR) }), NOW, active)).toMatchObject({ state: 'ok', markAgeMs: 0 });
  });
});

describe('span', () => {
  it.each([
    [0, '0 ms'],
    [-5, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [12_390, '12.3 s'],
    [59_999, '59.9 s'],
    [60_000, '1 min'],
    [3_600_000, '1 h'],
    [12_000_000, '3 h 20 min'],
    [86_400_000, '1 d'],
    [5 * 86_400_000 + 3 * 3_600_000, '5 d 3 h'],
  ])('%d ms is %s', (ms, text) => expect(span(ms)).toBe(text));

  it('is never negative', () => expect(ago(10, 20)).toBe('0 ms'));
});
