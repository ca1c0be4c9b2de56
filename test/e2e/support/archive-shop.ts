import type { Item } from '../../../local/demo/cities.ts';
import { type Contents, keyText } from '../../../local/demo/compare.ts';
import { type ArchiveWorld, clockPasses, EU, KEY_NAMES } from './archive-world.ts';

/** A bad deployment, and the model of what must be there once it is taken back. */
export interface BadDeployment {
  /** The window that the bad changes are in, among good ones (RFC 3339). */
  readonly from: string;
  readonly to: string;
  /** After the last write. */
  readonly end: string;
  /** Number of bad changes; each has deployment = v17. */
  readonly bad: number;
  readonly before: Contents;
  readonly wanted: Contents;
}

/** 500 bad changes among 5,000, then 50 good ones to keys that bad ones have hit; and what must be there once the bad ones are taken back. */
export async function badDeployment(world: ArchiveWorld): Promise<BadDeployment> {
  const [all, bad, good] = [5_000, 500, 50];
  const at = (n: number, more: Item = {}): Item => ({
    country: { S: '~shop' },
    cityId: { N: String(n) },
    price: { N: `${n}.5` },
    stock: { N: '7' },
    names: { SS: ['a', `b${n}`] },
    ...more,
  });
  const isBad = (n: number): boolean => n % (all / bad) === 3;
  const numbers = Array.from({ length: all }, (_, n) => n);
  await world.write(numbers.filter(isBad).map((n) => at(n)));
  await clockPasses(Date.now() + 1_000);
  const from = new Date().toISOString();
  await world.write(numbers.map((n) => at(n, isBad(n) ? { price: { N: '-1' }, deployment: { S: 'v17' } } : {})));
  const to = new Date().toISOString();
  await clockPasses(Date.parse(to) + 1_000);
  // Half of the later ones change another attribute; the other half the very one that went wrong.
  const later = numbers.filter(isBad).slice(0, good);
  const stock = { stock: { N: '6' } };
  const price = { price: { N: '99' } };
  await world.write(later.map((n, i) => at(n, { price: { N: '-1' }, deployment: { S: 'v17' }, ...(i % 2 === 0 ? stock : price) })));
  const before = (await world.equal())[EU];
  const wanted = new Map(before);
  for (const n of numbers.filter(isBad)) {
    const i = later.indexOf(n);
    wanted.set(keyText(at(n), KEY_NAMES), at(n, i < 0 ? {} : i % 2 === 0 ? stock : price));
  }
  return { from, to, end: new Date().toISOString(), bad, before, wanted };
}
