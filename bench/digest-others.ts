import { createHash, hash } from 'node:crypto';
import type { Bench } from './bench.ts';
import type { Row } from './rows.ts';
import { figure } from './stats.ts';

/**
 * The sums that were not taken for the digest, a change each (one element out, one in), so that docs/decisions/0008-digest.md can be measured again:
 * the exclusive or of SHA-256, and LtHash (1,024 numbers of 16 bits: 2 KB a cell).
 */

const ENTRY_BYTES = 41;
const LTHASH_BYTES = 2_048;
/** LtHash's elements are long: fewer are enough. */
const FEWER = 4;

/** Processor time of some work (µs). */
export function cpuOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

export function measureOthers(bench: Bench, count: number, rounds: number): Row[] {
  const seen: { xor: number; lt: number }[] = [];
  const entry = Buffer.alloc(ENTRY_BYTES);
  const xor = Buffer.alloc(32);
  const lt = new Uint16Array(LTHASH_BYTES / 2);
  const exchange = (n: number, put: (sign: 1 | -1) => void): void => {
    for (let i = 0; i < n; i += 1) {
      entry.writeUInt32LE(i, 0);
      put(-1);
      entry.writeUInt32LE(i, 24);
      put(1);
    }
  };
  for (let round = -1; round < rounds; round += 1) {
    bench.signal.throwIfAborted();
    const byXor = cpuOf(() =>
      exchange(count, () => {
        const element = Buffer.from(hash('sha256', entry, 'hex'), 'hex');
        for (let at = 0; at < element.length; at += 1) xor[at] = (xor[at] as number) ^ (element[at] as number);
      }),
    );
    const byLt = cpuOf(() =>
      exchange(count / FEWER, (sign) => {
        const { buffer, byteOffset } = createHash('shake128', { outputLength: LTHASH_BYTES }).update(entry).digest();
        const element = new Uint16Array(buffer.slice(byteOffset, byteOffset + LTHASH_BYTES));
        for (let i = 0; i < lt.length; i += 1) lt[i] = (lt[i] as number) + sign * (element[i] as number);
      }),
    );
    if (round >= 0) seen.push({ xor: byXor / count, lt: byLt / (count / FEWER) });
  }
  const row = (name: string, of: (s: (typeof seen)[number]) => number): Row => ({
    group: 'digest',
    name,
    unit: 'µs/change',
    value: figure(seen.map(of)),
    note: 'Not taken: docs/decisions/0008-digest.md.',
  });
  return [row('beside it: XOR of SHA-256', (s) => s.xor), row('beside it: LtHash of 2 KB', (s) => s.lt)];
}
