import { ITEM_BYTES_GUESS, unitsOf } from '../../archive/snapshot/pace.ts';
import type { Prices } from '../../cost/prices.ts';
import { PRICE_REGION_DEFAULT, pricesOf } from '../../cost/prices.ts';
import type { TableDescription } from '../../ports/table.ts';

/**
 * What one scan of a table costs. Pure; size and count are DynamoDB's, which are up to six hours old.
 *
 * @param prices of the table's region. Default: those of PRICE_REGION_DEFAULT, on demand.
 */
export function scanCost(
  table: Pick<TableDescription, 'itemCount' | 'bytes'>,
  prices: Pick<Prices, 'read'> = pricesOf(PRICE_REGION_DEFAULT, {}),
): { readonly readUnits: number; readonly usd: number } {
  const readUnits = unitsOf(table.bytes ?? table.itemCount * ITEM_BYTES_GUESS);
  return { readUnits, usd: (readUnits / 1_000_000) * prices.read };
}
