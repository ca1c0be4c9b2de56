import { readKeys } from '../../archive/rewrite/read-keys.ts';
import type { Item, Key } from '../../core/attribute.ts';
import { decodeRefused, REFUSED } from '../../core/formats/refused-row.ts';
import { keyHash, keyText } from '../../core/key.ts';
import { isRemote, whyText } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import type { MemberReach } from '../ports.ts';
import { fingerprintOf } from '../scan/writer.ts';
import type { HotKey } from './hot-keys.ts';
import { OBJECT_MAX_MS, REFUSED_MAX } from './limits.ts';
import type { Content } from './window-row.ts';

/**
 * The keys that a target refuses, REFUSED_MAX at most, and what both tables hold of them now. They differ for good: a look takes them out, so that
 * the rest of their cells can be compared. Where the target's table may not be read it finds none, and logs it.
 *
 * @throws RemoteError when a table does not answer · FormatError for a damaged row
 */
export async function readRefusedKeys(own: MemberReach, target: MemberReach, runtime: Runtime): Promise<readonly HotKey[]> {
  const query = { table: target.member.tables.control, partition: { name: 'pk', value: { S: REFUSED } }, limit: REFUSED_MAX };
  try {
    const { items, next } = await retried(runtime, runtime.clock.elapsed() + OBJECT_MAX_MS, () => target.table.query(query));
    if (next !== undefined) runtime.log.warn('A target refuses more keys than a look takes out.', { target: target.member.member, most: REFUSED_MAX });
    const keys = items.map((row) => decodeRefused(row).key);
    if (keys.length === 0) return [];
    const [here, there] = [await contentsOf(own, runtime, keys), await contentsOf(target, runtime, keys)];
    return keys.map((key): HotKey => {
      const text = keyText(key, own.member.key);
      const [source, copy] = [here.get(text), there.get(text)];
      return { keyHash: keyHash(text), ...(source && { source }), ...(copy && { target: copy }) };
    });
  } catch (error) {
    if (!isRemote(error, 'denied')) throw error;
    runtime.log.warn('What a target refuses could not be read: its cells stay suspect.', { target: target.member.member, why: whyText(error) });
    return [];
  }
}

/** What a member's table holds of some keys, by their texts. */
async function contentsOf({ member, table }: MemberReach, runtime: Runtime, keys: readonly Key[]): Promise<ReadonlyMap<string, Content>> {
  const found = new Map<string, Content>();
  await readKeys({ table, name: member.tables.items, key: member.key }, runtime, keys, (key: Key, item: Item | undefined) => {
    if (item !== undefined) found.set(keyText(key, member.key), fingerprintOf(item, member.key, member.expiryAttribute));
  });
  return found;
}
