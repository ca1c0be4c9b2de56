import type { Item, Key } from '../../core/attribute.ts';
import { BATCH_GET_KEYS } from '../../core/constants.ts';
import type { ResyncKey } from '../../core/formats/message.ts';
import { refusedKey } from '../../core/formats/refused-row.ts';
import { keyHash, keyText } from '../../core/key.ts';
import type { TablePort } from '../../ports/table.ts';
import { readBatch } from './batch-read.ts';
import type { TargetState } from './guard-read.ts';
import { readTargets } from './guard-read.ts';
import type { Pass } from './pass.ts';

/** What a resync has read of one key. */
export interface BothSides {
  readonly key: Key;
  readonly keyText: string;
  /** Place of the key in the message: of one that is named twice, the last. */
  readonly index: number;
  readonly source: Item | undefined;
  readonly target: TargetState;
  /** The key's row of `refused` at the target. */
  readonly refused: Item | undefined;
}

/**
 * Reads keys at the target, then at the source, both consistently, and makes sure that the source is the registered table.
 *
 * @throws RemoteError, NoSeatError, ForeignSourceError
 */
export async function readBothSides(pass: Pass, keys: readonly ResyncKey[]): Promise<BothSides[]> {
  const wanted = [...new Map(keys.map(({ k }, index) => [keyText(k, pass.link.key), { key: k, index }])).entries()].map(([text, w]) => ({
    ...w,
    keyText: text,
  }));
  await pass.sandbox.source.checkIdentity(false);
  const targets = await readTargets(pass, wanted, true);
  const sources = await readSources(
    pass,
    wanted.map((w) => w.key),
  );
  const refused = await readRefused(
    pass,
    wanted.map((w) => w.keyText),
  );
  if (wanted.some((w) => !sources.has(w.keyText) && targets.get(w.keyText)?.item !== undefined)) {
    // Asked after the source was read: what was read is the registered table's, or this throws.
    await pass.sandbox.source.checkIdentity(true);
  }
  return wanted.map((w) => ({ ...w, source: sources.get(w.keyText), target: targets.get(w.keyText) as TargetState, refused: refused.get(w.keyText) }));
}

/** Reads whole items of the source, consistently. */
async function readSources(pass: Pass, keys: readonly Key[]): Promise<Map<string, Item>> {
  const { items } = pass.link.sourceTables;
  const found = await getItems(pass, pass.ports.source, items, keys);
  return new Map(found.map((item) => [keyText(item, pass.link.key), item]));
}

async function readRefused(pass: Pass, texts: readonly string[]): Promise<Map<string, Item>> {
  const { control } = pass.link.targetTables;
  const hashes = new Map(texts.map((text) => [keyHash(text).toString('hex'), text]));
  const found = await getItems(pass, pass.ports.target, control, [...hashes.keys()].map(refusedKey));
  return new Map(found.map((row) => [hashes.get((row['sk'] as { S: string }).S) as string, row]));
}

async function getItems(pass: Pass, port: TablePort, table: string, keys: readonly Key[]): Promise<Item[]> {
  const found: Item[] = [];
  for (let at = 0; at < keys.length; at += BATCH_GET_KEYS) {
    await readBatch(pass, port, [{ table, keys: keys.slice(at, at + BATCH_GET_KEYS), take: (items) => found.push(...items) }]);
  }
  return found;
}
