import { InputError } from '../core/errors.ts';

/** AWS's prices, as the model needs them. US dollars, without free tiers, volume steps, savings plans and tax. */
export interface Prices {
  /** DynamoDB on demand, a million write request units; a replicated one (Global Tables) costs the same. */
  readonly write: number;
  /** DynamoDB on demand, a million read request units. */
  readonly read: number;
  /** Lambda, a million invocations. */
  readonly invocation: number;
  /** Lambda on arm64, a million GB-seconds. */
  readonly gbSecond: number;
  /** SQS FIFO, a million requests of up to 64 KB. */
  readonly queueRequest: number;
  /** Data between regions, a GB. */
  readonly transferGb: number;
}

/** When these prices began to hold, as far as we know. */
export const PRICE_DATE = '2024-11-01';
/** Where they are from: AWS's pages, to be looked at again before you rely on them. */
export const PRICE_SOURCES = [
  'https://aws.amazon.com/dynamodb/pricing/on-demand/',
  'https://aws.amazon.com/lambda/pricing/',
  'https://aws.amazon.com/sqs/pricing/',
  'https://aws.amazon.com/ec2/pricing/on-demand/',
  'https://aws.amazon.com/s3/pricing/',
] as const;

/** S3 Standard in us-east-1: a request that stores an object, that lists, that reads one; and a GB for a month (dollars). https://aws.amazon.com/s3/pricing/ */
export const S3_PRICES = { put: 0.000_005, list: 0.000_005, get: 0.000_000_4, gbMonth: 0.023 } as const;

/** Prices by region. Others differ, mostly by 0 to 40 %: give them by hand. */
export const PRICES: Readonly<Record<string, Prices>> = {
  'us-east-1': { write: 0.625, read: 0.125, invocation: 0.2, gbSecond: 13.3334, queueRequest: 0.5, transferGb: 0.02 },
};
export const PRICE_REGION_DEFAULT = 'us-east-1';
export const PRICE_NAMES = ['write', 'read', 'invocation', 'gbSecond', 'queueRequest', 'transferGb'] as const;

/**
 * The prices of a region, some of them given by hand. Pure.
 *
 * @throws InputError "invalid-region" for a region that this version has no prices of, unless all are given.
 */
export function pricesOf(region: string, own: Partial<Prices>): Prices {
  const known = PRICES[region];
  const missing = PRICE_NAMES.filter((name) => own[name] === undefined);
  if (known === undefined && missing.length > 0) {
    throw new InputError(
      'invalid-region',
      `This version has prices of ${Object.keys(PRICES).join(', ')}, not of "${region}". Give its own: ${missing.map((name) => `--price ${name}=DOLLARS`).join(' ')} (dollars a million units; transferGb: a GB).`,
    );
  }
  return { ...known, ...own } as Prices;
}
