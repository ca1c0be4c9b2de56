import type { Text } from './context-text.ts';
import { jsonObject } from './context-text.ts';
import type { ExistingTable, MemberProps } from './set.ts';
import { SetPropsError } from './set.ts';

/** Reads what `cdk -c name=value` says about the members. Pure. */

/** The members: one a region. @throws SetPropsError */
export function parseMembers(text: Text, regionsDefault: string): readonly MemberProps[] {
  const regions = parseRegions(text('regions', regionsDefault) as string);
  const accounts = text('accounts')
    ?.split(',')
    .map((account) => account.trim());
  if (accounts !== undefined && accounts.length !== regions.length) {
    throw new SetPropsError(`-c accounts must name one account for each of the ${regions.length} regions, in their order; got ${accounts.length}.`);
  }
  const existing = byRegion<ExistingTable>(text, 'existingTables', regions, isExistingTable, '{"tableName": "…", "streamArn": "…"}');
  const keys = byRegion<string>(text, 'encryptionKeys', regions, (value) => typeof value === 'string', '"arn:aws:kms:…"');
  return regions.map((region, i) => {
    const [account, existingTable, encryptionKeyArn] = [accounts?.[i], existing[region], keys[region]];
    return {
      region,
      ...(account !== undefined && { account }),
      ...(existingTable !== undefined && { existingTable }),
      ...(encryptionKeyArn !== undefined && { encryptionKeyArn }),
    };
  });
}

const EXISTING_FIELDS = ['tableName', 'streamArn', 'encryptionKeyArn'];

function isExistingTable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const fields = Object.entries(value);
  const known = fields.every(([name, field]) => EXISTING_FIELDS.includes(name) && typeof field === 'string');
  return known && 'tableName' in value && 'streamArn' in value;
}

/** A setting that is a JSON object with an entry for some of the regions. @throws SetPropsError */
function byRegion<T>(text: Text, name: string, regions: readonly string[], valid: (value: unknown) => boolean, like: string): Readonly<Record<string, T>> {
  const object = jsonObject(name, text(name) ?? '{}', `{"${regions[0]}": ${like}}`);
  for (const [region, value] of Object.entries(object)) {
    if (!regions.includes(region)) throw new SetPropsError(`-c ${name} names ${JSON.stringify(region)}; the regions are ${regions.join(', ')}.`);
    if (!valid(value)) throw new SetPropsError(`-c ${name}: the entry of ${region} must look like ${like}; got ${JSON.stringify(value)}.`);
  }
  return object as Readonly<Record<string, T>>;
}

function parseRegions(value: string): readonly string[] {
  const regions = value.split(',').map((region) => region.trim());
  const twice = regions.find((region, i) => regions.indexOf(region) !== i);
  if (twice !== undefined) throw new SetPropsError(`-c regions names ${twice} twice; each region has one member.`);
  return regions;
}
