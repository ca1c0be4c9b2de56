import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { store } from '../../archive/rewrite/store.ts';
import { wholeObject } from '../../archive/snapshot/read.ts';
import type { Key } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import { readDocument, scanPrefix } from '../../core/formats/manifest.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { MemberReach } from '../ports.ts';
import type { HotKey } from './compare.ts';
import type { Content } from './window.ts';

/** What an opening keeps in the primary’s bucket: `scans/<id>/hot` and `scans/<id>/found`, zstd JSON. */
const UNPACKED_MAX = 256 * 1_024 * 1_024;
const hotName = (id: string): string => `${scanPrefix(id)}hot`;
const foundName = (id: string): string => `${scanPrefix(id)}found`;

const contentSchema = z.tuple([z.string(), z.int()]);
const hotSchema = z.strictObject({
  format: z.literal(1),
  hot: z.array(z.strictObject({ k: z.string(), s: contentSchema.exactOptional(), t: contentSchema.exactOptional() })),
});
const foundSchema = z.strictObject({
  format: z.literal(1),
  found: z.array(
    z.strictObject({
      hash: z.string(),
      side: z.enum(['source', 'target', 'both']),
      key: z.record(z.string(), z.unknown()).exactOptional(),
      asked: z.boolean().exactOptional(),
    }),
  ),
});

/** A key whose contents differ, by its hash (hexadecimal). */
export interface FoundKey {
  readonly hash: string;
  /** Who has a content that the other has not. */
  readonly side: 'source' | 'target' | 'both';
  readonly key?: Key;
  /** The target was asked for its key. */
  readonly asked?: boolean;
}

async function storePacked({ place }: MemberReach, runtime: Runtime, name: string, value: object): Promise<void> {
  await store(place, runtime, name, zstdCompressSync(Buffer.from(JSON.stringify(value), 'utf8')));
}

async function readPacked<T extends object>({ place }: MemberReach, runtime: Runtime, name: string, schema: z.ZodType<T>): Promise<T> {
  const body = await wholeObject(place, runtime, name);
  if (body === undefined) throw new FormatError(`${name} is missing: an earlier step has stored it.`);
  let raw: Buffer;
  try {
    raw = zstdDecompressSync(body, { maxOutputLength: UNPACKED_MAX });
  } catch (cause) {
    throw new FormatError(`${name} is damaged: it cannot be unpacked.`, { cause });
  }
  return readDocument(raw, schema, name);
}

const packContent = ({ itemHash, day }: Content): [string, number] => [itemHash.toString('base64'), day];
const unpackContent = ([hash, day]: [string, number]): Content => ({ itemHash: Buffer.from(hash, 'base64'), day });

/** Keeps the keys in motion of an opening. @throws RemoteError */
export const storeHot = (own: MemberReach, runtime: Runtime, id: string, hot: readonly HotKey[]): Promise<void> =>
  storePacked(own, runtime, hotName(id), {
    format: 1,
    hot: hot.map(({ keyHash, source, target }) => ({
      k: keyHash.toString('base64'),
      ...(source && { s: packContent(source) }),
      ...(target && { t: packContent(target) }),
    })),
  });

/** @throws FormatError naming the object · RemoteError */
export async function readHot(own: MemberReach, runtime: Runtime, id: string): Promise<HotKey[]> {
  const { hot } = await readPacked(own, runtime, hotName(id), hotSchema);
  return hot.map(({ k, s, t }) => ({
    keyHash: Buffer.from(k, 'base64'),
    ...(s && { source: unpackContent(s) }),
    ...(t && { target: unpackContent(t) }),
  }));
}

/** Keeps what an opening has found so far. @throws RemoteError */
export const storeFound = (own: MemberReach, runtime: Runtime, id: string, found: readonly FoundKey[]): Promise<void> =>
  storePacked(own, runtime, foundName(id), { format: 1, found });

/** @throws FormatError naming the object · RemoteError */
export const readFound = async (own: MemberReach, runtime: Runtime, id: string): Promise<readonly FoundKey[]> =>
  (await readPacked(own, runtime, foundName(id), foundSchema)).found as unknown as readonly FoundKey[];
