import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type TraceEvent, traceText } from '../trace.ts';
import { buildBars } from './bars.ts';
import { embedJson, escapeHtml, PAGE_EVENTS_MAX, viewHtml } from './html.ts';
import { intervals, lowerBound, pack, touching } from './intervals.ts';
import { buildModel } from './model.ts';
import { parseTrace, TraceFileError } from './read.ts';
import { LEVEL, Relations } from './relations.ts';
import { layout, originOf, processOf } from './rows.ts';
import { sampleTrace } from './sample.ts';
import { formatSpan, formatTime, reveal, suggestAxis, ticks, toPixel, toPlace, within, zoom } from './scale.ts';
import { Stretch } from './stretch.ts';
import { endingOf, endOf, roleOf } from './wording.ts';

const sample = sampleTrace(7, 3_000);

/** What stands between the tags of an element of the page. */
function inside(page: string, open: string, close: string): string {
  const start = page.indexOf(open) + open.length;
  return page.slice(start, page.indexOf(close, start));
}

describe('the page', () => {
  const page = viewHtml(sample.header, sample.events);
  const data = inside(page, '<script id="trace" type="application/json">', '</script>');

  test('holds every event, and the header', () => {
    expect(JSON.parse(data)).toEqual({ header: sample.header, left: 0, events: sample.events });
  });

  test('is safe against what a text holds', () => {
    const text = '</script><script>alert(1)</script><!-- <style> ]]> \u2028 & " \' \\ %{script}$&';
    const event: TraceEvent = { n: 0, t: 0, kind: 'write', at: 'a', keys: ['</title>'], text };
    const hostile = viewHtml({ ...sample.header, violation: { rule: '</title><b>', message: text, t: 0 } }, [event]);
    expect(JSON.parse(inside(hostile, '<script id="trace" type="application/json">', '</script>')).events).toEqual([event]);
    expect(hostile.match(/<\/script/gi)).toHaveLength(2);
    expect(hostile.match(/<\/title/gi)).toHaveLength(1);
    expect(hostile).toContain('&lt;/title&gt;&lt;b&gt; broken');
    expect(inside(hostile, '<script>', '</script>')).toBe(inside(page, '<script>', '</script>'));
  });

  test('needs nothing else, and may load nothing', () => {
    expect(page.replace(data, '')).not.toMatch(/https?:\/\/|\bsrc=|@import|\bfetch\(|XMLHttpRequest|<link/);
    const policy = inside(page, 'Content-Security-Policy" content="', '"');
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-/);
    for (const [open, close] of [
      ['<script>', '</script>'],
      ['<style>', '</style>'],
    ] as const) {
      expect(policy).toContain(
        createHash('sha256')
          .update(inside(page, open, close))
          .digest('base64'),
      );
    }
  });

  test('is the same for the same trace, and small beside its data', () => {
    expect(viewHtml(sample.header, sample.events)).toBe(page);
    expect(page.length - data.length).toBeLessThan(100 * 1_024);
  });

  test('of a trace that is too long has the newest events, and says how many are left out', () => {
    const event = (n: number): TraceEvent => ({ n, t: n, kind: 'write', text: '' });
    const long = Array.from({ length: PAGE_EVENTS_MAX + 3 }, (_, n) => event(n));
    const cut = JSON.parse(inside(viewHtml(sample.header, long), '<script id="trace" type="application/json">', '</script>'));
    expect(cut.left).toBe(3);
    expect(cut.events).toHaveLength(PAGE_EVENTS_MAX);
    expect(cut.events[0].n).toBe(3);
  });

  test('JSON and text survive their escapes', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('<', '>', '/', '!', '-', '&', '"', "'", '\\', '\u2028', '\ud800', 'script', 'ä') }), (text) => {
        expect(JSON.parse(embedJson({ text }))).toEqual({ text });
        expect(embedJson({ text })).not.toContain('<');
        expect(escapeHtml(text)).not.toMatch(/[<>"']/);
      }),
    );
  });
});

describe('the model', () => {
  const model = buildModel(sample.header, sample.events);

  test('shows every event once: in a shape, as a phase, or as a violation', () => {
    const shown = [...model.shapes.flatMap((s) => s.events), ...model.phases.map((p) => p.event), ...model.violations];
    expect(shown.sort((a, b) => a - b)).toEqual(sample.events.map((_, i) => i));
    model.shapeOf.forEach((shape, event) => {
      if (shape >= 0) expect(model.shapes[shape]?.events).toContain(event);
    });
  });

  test('finds on each row what a search of everything finds', () => {
    for (const axis of ['time', 'order'] as const) {
      const { to } = model.whole[axis];
      for (const [from, until] of [
        [0, to],
        [to * 0.4, to * 0.41],
        [to * 0.9, to * 2],
      ] as const) {
        model.tracks.forEach((track) => {
          const [first, last] = touching(track[axis], from, until);
          const found = new Set(track.shapes.slice(first, last));
          for (const i of track.shapes) {
            const shape = model.shapes[i];
            if (shape !== undefined && shape.start[axis] <= until && shape.end[axis] >= from) expect(found.has(i)).toBe(true);
          }
        });
      }
    }
  });

  test('puts the members first, then their functions, then their links with the lanes that carried something', () => {
    const small = buildModel({ ...sample.header, members: ['a', 'b'], links: ['a>b', 'b>a'] }, [
      { n: 0, t: 0, kind: 'begin', who: 'a/apply>b#1', at: 'a', text: '' },
      { n: 1, t: 1, kind: 'send', who: 'a/fanout#1', link: 'a>b', lane: 2, message: 'm0', text: '' },
    ]);
    expect(small.rows.map((r) => r.label)).toEqual(['faults', 'a', 'apply>b', 'a>b', 'lane 2', 'b', 'b>a  idle']);
    const { tops, heights, height } = layout(small.rows);
    tops.forEach((top, i) => {
      expect((tops[i + 1] ?? height) - top).toBeGreaterThanOrEqual(heights[i] ?? 0);
    });
  });

  test('knows how messages and invocations ended', () => {
    const event = (n: number, kind: TraceEvent['kind'], more: Partial<TraceEvent>): TraceEvent => ({ n, t: n, kind, link: 'a>b', lane: 0, text: '', ...more });
    const bars = buildBars([
      event(0, 'send', { message: 'm0' }),
      event(1, 'send', { message: 'm1' }),
      event(2, 'begin', { who: 'a/apply>b#1' }),
      event(3, 'receive', { message: 'm0' }),
      event(4, 'receive', { message: 'm1' }),
      event(5, 'dead', { message: 'm1' }),
      event(6, 'delete', { message: 'm0' }),
      event(7, 'end', { who: 'a/apply>b#1', text: 'killed' }),
      event(8, 'begin', { who: 'a/apply>b#1' }),
      event(9, 'receive', { message: '?' }),
    ]);
    expect(bars.map((b) => [b.name, b.ending, b.events.join()])).toEqual([
      ['m0', 'deleted', '0,3,6'],
      ['m1', 'dead', '1,4,5'],
      ['a/apply>b#1', 'killed', '2,7'],
      ['a/apply>b#1', 'open', '8'],
    ]);
  });

  test('a fault ends with its phase at the latest, and shades until then', () => {
    const { shapes } = buildModel({ ...sample.header, endMs: 100_000 }, [
      { n: 0, t: 0, kind: 'phase', text: 'break' },
      { n: 1, t: 1_000, kind: 'fault', at: 'a', text: 'a is down for 5 s' },
      { n: 2, t: 2_000, kind: 'fault', at: 'a', text: 'a is down for 2.5 days' },
      { n: 3, t: 3_000, kind: 'fault', at: 'a', text: 'put is slow' },
      { n: 4, t: 20_000, kind: 'phase', text: 'heal' },
    ]);
    expect(shapes.map((s) => [s.form, s.start.time, s.end.time])).toEqual([
      ['span', 1_000, 6_000],
      ['span', 2_000, 20_000],
      ['mark', 3_000, 3_000],
    ]);
  });

  test('an epoch lasts until the member’s next; a later primary elsewhere supersedes it', () => {
    const role = (n: number, at: string, text: string): TraceEvent => ({ n, t: n * 10, kind: 'role', at, text });
    const { epochs } = buildModel({ ...sample.header, endMs: 100 }, [
      role(0, 'a', 'is primary in epoch 1'),
      role(1, 'b', 'raises the fences to epoch 2'),
      role(2, 'b', 'is primary in epoch 2'),
      role(3, 'a', 'is primary in epoch 3'),
    ]);
    expect(epochs.map((e) => [e.member, e.role.epoch, e.role.primary, e.start.time, e.end.time, e.superseded?.time])).toEqual([
      ['a', 1, true, 0, 30, 20],
      ['a', 3, true, 30, 100, undefined],
      ['b', 2, undefined, 10, 20, undefined],
      ['b', 2, true, 20, 100, 30],
    ]);
  });

  test('has room for nothing at all', () => {
    const empty = buildModel({ ...sample.header, endMs: 0, members: [], links: [] }, []);
    expect(empty.shapes).toEqual([]);
    expect(empty.whole.time.to).toBeGreaterThan(0);
  });
});

describe('what belongs together', () => {
  const relations = new Relations(sample.events);
  const of = (kind: TraceEvent['kind']): number => sample.events.findIndex((e) => e.kind === kind);

  test('a key’s story has its events, those of its messages, and no others but what went wrong meanwhile', () => {
    const story = relations.ofKey('k3');
    expect(story).toEqual([...story].sort((a, b) => a - b));
    sample.events.forEach((event, i) => {
      if (event.keys?.includes('k3')) expect(story).toContain(i);
    });
    const messages = new Set(story.map((i) => sample.events[i]?.message).filter((m) => m !== undefined));
    expect(messages.size).toBeGreaterThan(10);
    for (const message of messages) for (const event of relations.ofMessage(message)) expect(story).toContain(event);
    for (const i of story) if (!relations.keysOf(i).has('k3')) expect(['call', 'end']).toContain(sample.events[i]?.kind);
  });

  test('an event of a message belongs to all of that message, and to what its receivers changed of its keys', () => {
    const send = sample.events.findIndex((e) => e.message === 'm20');
    const { near, far } = relations.of(send);
    const own = near.filter((i) => sample.events[i]?.kind !== 'state');
    expect(own).toEqual(sample.events.flatMap((e, i) => (e.message === 'm20' ? [i] : [])));
    const receivers = new Set(own.map((i) => sample.events[i]).flatMap((e) => (e?.kind === 'receive' ? [e.who] : [])));
    const changed = near.map((i) => sample.events[i]).filter((e) => e?.kind === 'state');
    expect(new Set(changed.flatMap((e) => e?.keys ?? []))).toEqual(relations.keysOf(send));
    for (const e of changed) expect(receivers.has(e?.who)).toBe(true);
    expect(far.length).toBeGreaterThan(near.length);
  });

  test('an invocation is what was given to it, from its begin to its end', () => {
    const events: TraceEvent[] = (['batch', 'begin', 'call', 'end', 'batch', 'begin', 'end'] as const).map((kind, n) => ({
      n,
      t: n,
      kind,
      who: 'a/fanout#1',
      text: '',
    }));
    const own = new Relations(events);
    expect(own.ofInvocation(2)).toEqual([0, 1, 2, 3]);
    expect(own.ofInvocation(4)).toEqual([4, 5, 6]);
  });

  test('what is hidden stays hidden, what is not chosen is dim, what is in focus stands out', () => {
    const choice = { keys: new Set(['k3']), hidden: new Set(['call' as const]), search: '' };
    const chosen = relations.chosen(choice);
    const levels = relations.levels(choice, chosen, undefined);
    sample.events.forEach((event, i) => {
      if (event.kind === 'call') expect(levels[i]).toBe(LEVEL.hidden);
      else expect(levels[i]).toBe(chosen[i] === 1 ? LEVEL.usual : LEVEL.dim);
    });
    const focused = relations.levels(choice, chosen, of('send'));
    for (const i of relations.of(of('send')).near) expect(focused[i]).toBe(LEVEL.strong);
    expect(focused.filter((l) => l === LEVEL.dim).length).toBeGreaterThan(sample.events.length / 2);
  });

  test('a search finds all words; names of keys and messages only as a whole', () => {
    const find = (search: string): readonly TraceEvent[] => {
      const chosen = relations.chosen({ keys: new Set(), hidden: new Set(), search });
      return sample.events.filter((_, i) => chosen[i] === 1);
    };
    expect(new Set(find('m1').map((e) => e.message))).toEqual(new Set(['m1']));
    expect(find('KILLED end').every((e) => e.kind === 'end' && e.text === 'killed')).toBe(true);
    expect(find('KILLED end').length).toBeGreaterThan(0);
    expect(find('lane2 a>b').every((e) => e.lane === 2 && e.link === 'a>b')).toBe(true);
    expect(find('(*[\\')).toEqual([]);
  });
});

describe('scales', () => {
  const number = fc.double({ min: -1e9, max: 1e9, noNaN: true });
  const range = fc
    .tuple(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.double({ min: 1, max: 1e9, noNaN: true }))
    .map(([from, span]) => ({ from, to: from + span }));
  const whole = { from: 0, to: 2e9 };

  test('a pixel’s place has that pixel', () => {
    fc.assert(
      fc.property(
        range,
        fc.integer({ min: 1, max: 4_000 }),
        fc.integer({ min: 0, max: 4_000 }),
        (r, width, x) => Math.abs(toPixel(r, width, toPlace(r, width, x)) - x) < 0.01,
      ),
    );
  });

  test('a view stays inside the whole, and keeps its span', () => {
    fc.assert(
      fc.property(number, fc.double({ min: 1, max: 1e9, noNaN: true }), (from, span) => {
        const seen = within('time', whole, { from, to: from + span });
        expect(seen.from).toBeGreaterThanOrEqual(0);
        expect(seen.to).toBeLessThanOrEqual(whole.to + 1e-3);
        expect(seen.to - seen.from).toBeCloseTo(span, 3);
      }),
    );
  });

  test('zooming in keeps the place under the mouse where it is', () => {
    fc.assert(
      fc.property(range, fc.double({ min: 0.01, max: 0.99, noNaN: true }), fc.double({ min: 0.2, max: 1, noNaN: true }), (r, share, factor) => {
        const place = r.from + share * (r.to - r.from);
        expect(toPixel(zoom('time', whole, r, place, factor), 1_000, place)).toBeCloseTo(share * 1_000, 2);
      }),
    );
  });

  test('what is revealed is in sight', () => {
    fc.assert(
      fc.property(range, fc.double({ min: 0, max: 2e9, noNaN: true }), (r, place) => {
        const seen = reveal('time', whole, r, place);
        expect(place).toBeGreaterThanOrEqual(seen.from);
        expect(place).toBeLessThanOrEqual(seen.to);
      }),
    );
  });

  test('ticks are few, in order, inside, and at whole steps', () => {
    fc.assert(
      fc.property(range, fc.integer({ min: 2, max: 30 }), fc.constantFrom('time' as const, 'order' as const), (r, most, axis) => {
        const { step, places } = ticks(axis, r, most);
        expect(places.length).toBeLessThanOrEqual(most + 1);
        for (const place of places) expect(Math.abs(place / step - Math.round(place / step))).toBeLessThan(1e-6);
      }),
    );
  });

  test('times are written as people read them', () => {
    expect([0, 1, 12_345.678, 61_000, 3_723_004, 2 * 86_400_000 + 3_723_004].map((t) => formatTime(t))).toEqual([
      '0.000 s',
      '0.001 s',
      '12.345678 s',
      '1:01.000',
      '1:02:03.004',
      '2 d 01:02:03.004',
    ]);
    expect([formatTime(61_500, 1_000), formatTime(61_500, 500), formatTime(1_234.5, 1)]).toEqual(['1:02', '1:01.5', '1.235 s']);
    expect([0, 0.25, 12.34, 4_560, 192_000, 7_500_000, 273_600_000].map(formatSpan)).toEqual([
      '0 ms',
      '250 µs',
      '12.3 ms',
      '4.56 s',
      '3 min 12 s',
      '2 h 5 min',
      '3 d 4 h',
    ]);
  });

  test('order is suggested when a time axis would show a blot', () => {
    const busy = Array.from({ length: 1_000 }, (_, i) => i);
    expect(suggestAxis(busy, 1_000)).toBe('time');
    expect(suggestAxis([...busy, 86_400_000], 86_400_000)).toBe('order');
    expect(suggestAxis([], 0)).toBe('time');
  });

  test('a stretched order keeps the order, can be undone, and gives the chosen the room', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 300 }), fc.double({ min: 0, max: 1, noNaN: true }), (chosen, share) => {
        const stretch = new Stretch(chosen);
        const order = share * chosen.length;
        expect(stretch.order(stretch.place(order))).toBeCloseTo(order, 6);
        for (let i = 0; i < chosen.length; i += 1) expect(stretch.place(i)).toBeLessThan(stretch.place(i + 1));
        const room = chosen.reduce((sum, c, i) => sum + (c === 1 ? stretch.place(i + 1) - stretch.place(i) : 0), 0);
        const some = chosen.filter((c) => c === 1).length;
        if (some > 0 && some < chosen.length * 0.1) expect(room / stretch.length).toBeGreaterThan(0.8);
      }),
    );
  });
});

describe('intervals', () => {
  const spans = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 40 })), { maxLength: 60 })
    .map((all) => all.sort((a, b) => a[0] - b[0]).map(([start, span]) => [start, start + span] as const));

  test('none that touches is missed', () => {
    fc.assert(
      fc.property(spans, fc.integer({ min: -5, max: 150 }), fc.integer({ min: 0, max: 50 }), (all, from, span) => {
        const [first, last] = touching(
          intervals(
            all.map((s) => s[0]),
            all.map((s) => s[1]),
          ),
          from,
          from + span,
        );
        all.forEach(([start, end], i) => {
          if (start <= from + span && end >= from) expect(i >= first && i < last).toBe(true);
        });
      }),
    );
  });

  test('bars of one slot do not overlap while there are slots', () => {
    fc.assert(
      fc.property(spans, fc.integer({ min: 1, max: 60 }), (all, most) => {
        const { slots, count } = pack(
          all.map((s) => s[0]),
          all.map((s) => s[1]),
          most,
        );
        expect(count).toBeLessThanOrEqual(most);
        expect(slots.every((s) => s >= 0 && s < count)).toBe(true);
        if (count === most) return;
        all.forEach(([start], i) => {
          for (let j = 0; j < i; j += 1) if (slots[j] === slots[i]) expect(all[j]?.[1]).toBeLessThanOrEqual(start);
        });
      }),
    );
  });

  test('the lower bound is where a number would go', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer()).map((a) => a.sort((x, y) => x - y)),
        fc.integer(),
        (sorted, value) => {
          expect(lowerBound(sorted, value)).toBe(sorted.filter((n) => n < value).length);
        },
      ),
    );
  });
});

describe('what is read out of texts', () => {
  test.each([
    ['a is down for 12 s', 1_012_000 - 1_000_000],
    ['"a" lags by 20 min', 1_200_000],
    ['the tables of a are gone for 2.5 days', 216_000_000],
    ['out for 3,000 ms', 3_000],
    ['out until 1,002 s', 2_000],
    ['out until 2 s', undefined],
    ['a batch of 3 of 7 records', undefined],
    ['put is slow', undefined],
  ])('%s', (text, lasts) => {
    expect(endOf(text, 1_000_000)).toBe(lasts === undefined ? undefined : 1_000_000 + lasts);
  });

  test('how an invocation ended', () => {
    expect(['answers', 'killed', 'given up: frozen', 'throws Error: timed out', 'timed out'].map(endingOf)).toEqual([
      'done',
      'killed',
      'killed',
      'failed',
      'killed',
    ]);
  });

  test('what role a member has', () => {
    expect(['is primary in epoch 2', 'own 3, fence 3', 'own 2, fence 3', 'fence 4', 'raises the fences to epoch 2', 'nothing'].map(roleOf)).toEqual([
      { epoch: 2, primary: true },
      { epoch: 3, primary: true },
      { epoch: 3, primary: false },
      { epoch: 4, primary: false },
      { epoch: 2, primary: undefined },
      undefined,
    ]);
  });

  test('where an event comes from', () => {
    expect(processOf('a/apply>b#3')).toEqual({ member: 'a', name: 'apply>b' });
    expect(processOf('lambda')).toBeUndefined();
    expect(originOf({ n: 0, t: 0, kind: 'state', who: 'a/apply>b#3', at: 'b', text: '' })).toBe('a');
  });
});

describe('a trace file', () => {
  test('reads as it was written', () => {
    expect(parseTrace(traceText(sample.header, sample.events))).toEqual({ header: sample.header, events: sample.events });
  });

  test('that is damaged says where', () => {
    const lines = traceText(sample.header, sample.events.slice(0, 3)).trim().split('\n');
    const bad = (edit: (lines: string[]) => string[]) => () => parseTrace(edit([...lines]).join('\n'));
    expect(bad((l) => l.with(0, '{}'))).toThrow(/^Line 1 is not the header/);
    expect(bad((l) => l.with(2, '{"n":'))).toThrow(/^Line 3 is not JSON/);
    expect(bad((l) => l.with(2, '{"n":1,"t":0,"kind":"wrote","text":""}'))).toThrow(/^Line 3 is not an event/);
    expect(bad((l) => [...l, l[1] as string])).toThrow(/^Line 5: event 0 .* must be in order/);
    expect(() => parseTrace('')).toThrow(TraceFileError);
  });
});
