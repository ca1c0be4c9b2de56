import type { Item } from '../../../lib/core/attribute.ts';
import { decodeProof, PROOF_KEY } from '../../../lib/reconcile/proof/row.ts';
import type { Version } from '../model.ts';
import type { MakeOracle } from '../oracle.ts';
import { keyOfName } from '../set.ts';
import type { StoredBase } from './bases.ts';
import { baseIn, shows, storedBy } from './bases.ts';
import { contentsOf, hashText } from './contents.ts';
import { truthsOf } from './log-truth.ts';

/** A key that the source has not changed for so long before its newest record (virtual ms) is cold: no window reaches back so far. */
const COLD_MS = 65 * 60_000;
/** A look reads the logs within this before it writes what it has seen (virtual ms). */
const LOOK_MS = 2 * 60_000;

/**
 * I7, "no miss": where the standing proof calls a link verified, no cold key differs of which both logs tell. What no record tells of is seen
 * from the next scan on, at the latest.
 */
export const proof: MakeOracle = (world) => {
  const truths = truthsOf(world);
  const contents = contentsOf(world);
  /** When each record came to be in its log (virtual ms). */
  const logged = new Map<Version, number>();
  /** When each link was last looked at (ms). */
  const looked = new Map<string, number>();
  /** By member and id. */
  const bases = new Map<string, StoredBase>();
  const row = JSON.stringify(PROOF_KEY);

  truths.witnesses.push((_member, _footer, records) => {
    if (!world.checked) return;
    for (const version of records) logged.set(version, world.clock.elapsed());
  });

  /** Each key's newest record of a member, if all of the key's records are in its log; and the time of the newest of all (virtual ms). */
  function newest(member: string): { readonly byKey: ReadonlyMap<string, Version | undefined>; readonly t: number } {
    const byKey = new Map<string, Version | undefined>();
    let t = 0;
    const before = world.clock.elapsed() - LOOK_MS;
    for (const version of truths.of(member).writes) {
      const at = logged.get(version);
      const inLog = at !== undefined && at <= before;
      byKey.set(version.key, inLog ? version : undefined);
      if (inLog) t = Math.max(t, version.t);
    }
    return { byKey, t };
  }

  function judged(source: string, target: string, baseOf: (member: string) => StoredBase | undefined): void {
    const [mine, theirs] = [newest(source), newest(target)];
    const untold = [source, target].some((member) => [...truths.of(member).absent()].length > 0);
    if (untold) return;
    for (const key of new Set([...contents.keys(source), ...contents.keys(target)])) {
      const [here, there] = [mine.byKey.get(key), theirs.byKey.get(key)];
      const late = (of: typeof mine, version: Version | undefined): boolean => of.byKey.has(key) && version === undefined;
      if (late(mine, here) || late(theirs, there) || (here?.t ?? 0) > mine.t - COLD_MS) continue;
      // What no record tells of is seen by the next scan, which must not be one that a record of the key overrides.
      const silent = [source, target].some((member) => {
        const base = baseOf(member);
        return world.silent.of(member).some((change) => change.key === key && (base === undefined || !shows(world, base, change)));
      });
      if (silent) continue;
      const read = (member: string): Item | undefined => world.set.items(member).read(keyOfName(key));
      if (hashText(read(source)) !== hashText(read(target))) {
        world.violate('I7', `the proof calls ${source}>${target} verified, and "${key}" differs, which both logs show`, key);
        return;
      }
    }
  }

  return {
    name: 'proof',
    effect(call, answer) {
      if (!world.checked || call.service !== 'dynamodb' || call.op !== 'put') {
        const stored = world.checked ? storedBy(world, call, answer) : undefined;
        const base = stored === undefined ? undefined : baseIn(world, call.region, stored);
        if (base !== undefined) bases.set(`${base.member}|${base.id}`, base);
        return;
      }
      const [table, item] = call.args as [string, Item];
      if (table !== world.set.controlName(call.region) || JSON.stringify({ pk: item['pk'], sk: item['sk'] }) !== row) return;
      if ((answer as { readonly ok?: boolean } | undefined)?.ok !== true) return;
      const { links, members } = decodeProof(item);
      for (const [target, link] of Object.entries(links)) {
        const id = `${call.region}>${target}`;
        if (looked.get(id) === link.at) continue;
        looked.set(id, link.at);
        if (link.state === 'verified') judged(call.region, target, (member) => bases.get(`${member}|${members[member]?.base}`));
      }
    },
    wiped(member) {
      for (const id of [...bases.keys()]) if (id.startsWith(`${member}|`)) bases.delete(id);
    },
  };
};
