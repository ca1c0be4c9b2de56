import { z } from 'zod';
import type { Key } from '../../core/attribute.ts';
import { scanPrefix } from '../../core/formats/manifest.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { MemberReach } from '../ports.ts';
import type { HotKey } from './compare.ts';
import { readPacked, storePacked } from './packed.ts';
import type { Content } from './window.ts';

/** What an opening keeps in the primary’s bucket: `scans/<id>/hot`, `scans/<id>/sides` and `scans/<id>/found`, zstd JSON. */
const hotName = (id: string): string => `${scanPrefix(id)}hot`;
const sidesName = (id: string): string => `${scanPrefix(id)}sides`;
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
      sought: z.boolean().exactOptional(),
      asked: z.boolean().exactOptional(),
    }),
  ),
});
const side = z.strictObject({ base: z.string(), mark: z.array(z.unknown()) });
const sidesSchema = z.strictObject({ format: z.literal(1), source: side, target: side });

/** What an opening has to know of its members: the base of each, and its watermark (JSON) of the comparison. */
export type OpeningSides = Readonly<Pick<z.infer<typeof sidesSchema>, 'source' | 'target'>>;

/** A key whose contents differ, by its hash (hexadecimal). */
export interface FoundKey {
  readonly hash: string;
  /** Who has a content that the other has not. */
  readonly side: 'source' | 'target' | 'both';
  readonly key?: Key;
  /** The source has looked for its key, among its own. */
  readonly sought?: boolean;
  /** The target was asked for its key. */
  readonly asked?: boolean;
}

const packContent = ({ itemHash, day }: Content): [string, number] => [itemHash.toString('base64'), day];
const unpackContent = ([hash, day]: [string, number]): Content => ({ itemHash: Buffer.from(hash, 'base64'), day });

/** Keeps the keys in motion of an opening. @throws RemoteError */
export const storeHot = (own: MemberReach, runtime: Runtime, id: string, hot: readonly HotKey[]): Promise<void> =>
  storePacked(own.place, runtime, hotName(id), {
    format: 1,
    hot: hot.map(({ keyHash, source, target }) => ({
      k: keyHash.toString('base64'),
      ...(source && { s: packContent(source) }),
      ...(target && { t: packContent(target) }),
    })),
  });

/** @throws FormatError naming the object · RemoteError */
export async function readHot(own: MemberReach, runtime: Runtime, id: string): Promise<HotKey[]> {
  const { hot } = await readPacked(own.place, runtime, hotName(id), hotSchema);
  return hot.map(({ k, s, t }) => ({
    keyHash: Buffer.from(k, 'base64'),
    ...(s && { source: unpackContent(s) }),
    ...(t && { target: unpackContent(t) }),
  }));
}

/** Keeps what an opening compares. @throws RemoteError */
export const storeSides = (own: MemberReach, runtime: Runtime, id: string, sides: OpeningSides): Promise<void> =>
  storePacked(own.place, runtime, sidesName(id), { format: 1, ...sides });

/** @throws FormatError naming the object · RemoteError */
export const readSides = (own: MemberReach, runtime: Runtime, id: string): Promise<OpeningSides> => readPacked(own.place, runtime, sidesName(id), sidesSchema);

/** Keeps what an opening has found so far. @throws RemoteError */
export const storeFound = (own: MemberReach, runtime: Runtime, id: string, found: readonly FoundKey[]): Promise<void> =>
  storePacked(own.place, runtime, foundName(id), { format: 1, found });

/** @throws FormatError naming the object · RemoteError */
export const readFound = async (own: MemberReach, runtime: Runtime, id: string): Promise<readonly FoundKey[]> =>
  (await readPacked(own.place, runtime, foundName(id), foundSchema)).found as unknown as readonly FoundKey[];
