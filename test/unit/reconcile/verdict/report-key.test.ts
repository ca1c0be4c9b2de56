import { describe, expect, it } from 'vitest';
import { itemHash } from '../../../../lib/core/canonical.ts';
import { position } from '../../../../lib/core/formats/position.ts';
import { encodeRefused } from '../../../../lib/core/formats/refused-row.ts';
import type { Seal } from '../../../../lib/core/formats/seal.ts';
import type { TargetState } from '../../../../lib/replicate/apply/guard-read.ts';
import { reportKey } from '../../../../lib/replicate/apply/report.ts';
import { item, key } from '../../../flows/support/world.ts';

const one = item('a', 1, { n: { N: '1' }, ttl: { N: '1800000000' } });
const two = item('a', 1, { n: { N: '2' }, ttl: { S: 'never' } });
const seal = (sequence: number, of = one, kind: Seal['kind'] = 'lane'): Seal => ({
  position: position(1, BigInt(sequence)),
  kind,
  contentHash: itemHash(of).subarray(0, 8),
});
const state = (of: Partial<TargetState>): TargetState => ({ item: undefined, seal: undefined, tombstone: undefined, ...of });
const grave = (sequence: number): TargetState['tombstone'] => ({ seal: seal(sequence), of: undefined, expiresAtS: 0 });
const said = (source: typeof one | undefined, target: Partial<TargetState>, ttl?: string) =>
  reportKey({ key: key('a'), source, target: state(target), refused: undefined }, ttl);
const text = (sequence: number): string => position(1, BigInt(sequence)).toString('base64');

describe('what a report says of a key', () => {
  it('is equal by content alone: numbers by value, whatever the seals say', () => {
    expect(said(one, { item: { ...one, n: { N: '1.0' } }, seal: seal(5) })).toMatchObject({ equal: true, p: text(5), kind: 'lane', sealed: true });
    expect(said(one, { item: one })).toMatchObject({ equal: true });
    expect(said(one, { item: one })).not.toHaveProperty('sealed');
    expect(said(undefined, {})).toEqual({ k: key('a'), equal: true });
    expect(said(undefined, { tombstone: grave(4) })).toEqual({ k: key('a'), p: text(4), kind: 'lane', grave: true, equal: true });
  });

  it('is sealed only where the content is what was sealed', () => {
    expect(said(one, { item: two, seal: seal(5, two, 'repair') })).toMatchObject({ equal: false, sealed: true, kind: 'repair' });
    expect(said(one, { item: two, seal: seal(5, one) })).not.toHaveProperty('sealed');
  });

  it('names the newest position that counts, and what a later tombstone hides', () => {
    expect(said(one, { item: one, seal: seal(5), tombstone: grave(6) })).toMatchObject({ equal: false, hidden: true, grave: true, p: text(6) });
    expect(said(one, { item: one, seal: seal(7), tombstone: grave(6) })).toMatchObject({ equal: true, p: text(7) });
    expect(said(one, { item: two, tombstone: grave(6) })).toMatchObject({ equal: false, grave: true, p: text(6) });
  });

  it('tells expiry times that are numbers, where members expire by themselves', () => {
    expect(said(one, { item: two }, 'ttl')).toMatchObject({ es: 1_800_000_000 });
    expect(said(one, { item: two }, 'ttl')).not.toHaveProperty('et');
    expect(said(one, { item: two })).not.toHaveProperty('es');
  });

  it('tells since when the target refuses the key', () => {
    const refused = encodeRefused('00', { key: key('a'), reason: 'r', position: position(1, 1n), link: 'x', since: 12, tried: 20 });
    expect(reportKey({ key: key('a'), source: one, target: state({}), refused }, undefined)).toMatchObject({ refused: 12, equal: false });
  });
});
