import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fingerprint } from '../../../../lib/core/digest.ts';
import { FormatError } from '../../../../lib/core/errors.ts';
import { merged } from '../../../../lib/reconcile/scan/merge.ts';
import type { RunRef } from '../../../../lib/reconcile/scan/run.ts';
import { checkEntries, checkRun, keyLines, RUN_ENTRY_BYTES, RunFooter, readEntry } from '../../../../lib/reconcile/scan/run.ts';
import { RunBuffer } from '../../../../lib/reconcile/scan/run-buffer.ts';

const about = { id: '20261124T101503Z-abc123', part: 2, number: 7 };
const NAME = 'scans/x/fingerprints/002-000007-abcdef';
const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest().subarray(0, 16);
const print = (n: number, day = 0): Fingerprint => ({ keyHash: hashOf(`key ${n}`), itemHash: hashOf(`item ${n}`).subarray(0, 8), day });
const line = (n: number): string => JSON.stringify({ pk: { S: `é${n}` } });

function runOf(numbers: readonly number[]): { body: Buffer; ref: RunRef; footer: RunFooter } {
  const buffer = new RunBuffer();
  for (const n of numbers) buffer.add(print(n, n % 3), line(n));
  const { body, sum } = buffer.encode(about);
  const footer = new RunFooter(body.subarray(-8_192), NAME);
  const ref = { name: NAME, bytes: body.length, entries: numbers.length, sum };
  return { body, ref, footer };
}

/** What a reader sees of a run, bucket by bucket. */
function readAll({ body, ref, footer }: ReturnType<typeof runOf>): { hash: string; item: string; day: number; line: string }[] {
  const all: { hash: string; item: string; day: number; line: string }[] = [];
  for (let number = 0; number < 256; number += 1) {
    const bucket = footer.bucket(number);
    const entries = body.subarray(bucket.range.from, bucket.range.to);
    checkEntries(ref, number, bucket, entries);
    const lines = keyLines(ref, number, bucket, body.subarray(bucket.keys.from, bucket.keys.to));
    lines.forEach((text, i) => {
      const { keyHash, itemHash, day } = readEntry(entries, i);
      all.push({ hash: keyHash.toString('hex'), item: itemHash.toString('hex'), day, line: text });
    });
  }
  return all;
}

describe('a run', () => {
  it('gives back every entry with its key, sorted by key hash', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(5_000), { minLength: 1, maxLength: 400 }), (numbers) => {
        const run = runOf(numbers);
        run.footer.expect(run.ref);
        checkRun(run.ref, run.footer, run.body);
        const wanted = numbers
          .map((n) => ({ hash: print(n).keyHash.toString('hex'), item: print(n).itemHash.toString('hex'), day: n % 3, line: line(n) }))
          .sort((a, b) => (a.hash < b.hash ? -1 : 1));
        expect(readAll(run)).toEqual(wanted);
      }),
    );
  });

  it('sorts key hashes that are alike in their first 36 bits', () => {
    const buffer = new RunBuffer();
    const alike = [9, 3, 7, 1].map((last) => Buffer.from(`aabbccdde0000000000000000000000${last}`, 'hex'));
    for (const keyHash of alike) buffer.add({ keyHash, itemHash: Buffer.alloc(8), day: 0 }, '{}');
    const { body } = buffer.encode(about);
    expect([0, 1, 2, 3].map((i) => readEntry(body, i).keyHash.at(-1))).toEqual([1, 3, 7, 9]);
  });

  it('shows any single bit that was flipped, and names the object', () => {
    const run = runOf(Array.from({ length: 40 }, (_, n) => n));
    fc.assert(
      fc.property(fc.nat(run.body.length * 8 - 1), (bit) => {
        const body = Buffer.from(run.body);
        body[bit >> 3] = (body[bit >> 3] as number) ^ (1 << (bit & 7));
        const read = (): void => {
          const footer = new RunFooter(body.subarray(-8_192), NAME);
          footer.expect(run.ref);
          readAll({ ...run, body, footer });
        };
        expect(read).toThrow(FormatError);
        expect(read).toThrow(NAME);
      }),
    );
  });

  it('that was cut off, or is another one, is refused', () => {
    const run = runOf([1, 2, 3]);
    for (const length of [0, 5, 4_000, run.body.length - 1]) expect(() => new RunFooter(run.body.subarray(0, length), NAME)).toThrow(/cut off|damaged/);
    const other = runOf([1, 2, 4]);
    expect(() => other.footer.expect(run.ref)).toThrow(`${NAME} is damaged`);
  });

  it('is full before its index or its keys outgrow it', () => {
    const buffer = new RunBuffer();
    const long = 'x'.repeat(20_000);
    while (!buffer.isFull) buffer.add(print(buffer.length), long);
    expect(buffer.length).toBeLessThan(220);
    expect(() => buffer.add(print(0), long)).toThrow('full');
    buffer.clear();
    expect(buffer.isFull).toBe(false);
  });
});

describe('a merge', () => {
  it('gives all entries of sorted pieces in order', () => {
    const pieces = fc.array(fc.array(fc.nat(300), { maxLength: 30 }), { maxLength: 9 });
    fc.assert(
      fc.property(pieces, (numbers) => {
        const sorted = numbers.map((some) => {
          const hashes = some.map((n) => print(n).keyHash).sort(Buffer.compare);
          return Buffer.concat(hashes.map((hash) => Buffer.concat([hash, Buffer.alloc(RUN_ENTRY_BYTES - 16)])));
        });
        const found = [...merged(sorted)].length;
        expect(found).toBe(numbers.flat().length);
        const seen: string[] = [];
        for (const { entries, at } of merged(sorted)) seen.push(entries.subarray(at, at + 16).toString('hex'));
        expect(seen).toEqual(
          numbers
            .flat()
            .map((n) => print(n).keyHash.toString('hex'))
            .sort(),
        );
      }),
    );
  });
});
