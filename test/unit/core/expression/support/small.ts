import fc from 'fast-check';
import type { AttributeType, AttributeValue, Item } from '../../../../../lib/core/attribute.ts';
import { ATTRIBUTE_TYPES } from '../../../../../lib/core/attribute.ts';
import type { ItemCondition } from '../../../../../lib/core/expression/condition.ts';
import { checkCondition } from '../../../../../lib/core/expression/condition.ts';
import type { Path } from '../../../../../lib/core/values.ts';

/** Items, paths and conditions over a small world, so that they meet often. */

const base64 = (bytes: readonly number[]): string => Buffer.from(bytes).toString('base64');
const strings = ['a', 'ab', 'b', 'ä', '\uffff', '😀', 'é'] as const;
const numbers = ['0', '1', '-1', '10', '2.5', '-2.5', '1000000000000000000000000000000000001'] as const;
const binaries = [base64([1]), base64([1, 2]), base64([200]), base64([127])] as const;

export const scalar: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.constantFrom(...strings).map((S) => ({ S })),
  fc.constantFrom(...numbers).map((N) => ({ N })),
  fc.constantFrom(...binaries).map((B) => ({ B })),
  fc.boolean().map((BOOL) => ({ BOOL })),
  fc.constant({ NULL: true as const }),
);

const some = <T>(of: readonly T[]): fc.Arbitrary<T[]> => fc.subarray([...of], { minLength: 1, maxLength: 3 });
const sets: fc.Arbitrary<AttributeValue> = fc.oneof(
  some(strings).map((SS) => ({ SS })),
  some(numbers).map((NS) => ({ NS })),
  some(binaries).map((BS) => ({ BS })),
);

export const NAMES = ['a', 'b', 'c'] as const;

/** Any value, three levels deep. */
export const value: fc.Arbitrary<AttributeValue> = fc.letrec<{ value: AttributeValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    sets,
    fc.array(tie('value'), { maxLength: 3 }).map((L) => ({ L })),
    fc.dictionary(fc.constantFrom(...NAMES), tie('value'), { maxKeys: 3 }).map((M) => ({ M })),
  ),
})).value;

/** Attributes of an item, without a key. */
export const attributes: fc.Arbitrary<Item> = fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 3 });

export const path: fc.Arbitrary<Path> = fc
  .tuple(fc.constantFrom(...NAMES), fc.array(fc.oneof(fc.constantFrom(...NAMES), fc.nat({ max: 2 })), { maxLength: 2 }))
  .map(([first, rest]) => [first, ...rest]);

const compare = fc.constantFrom('=', '<>', '<', '<=', '>', '>=') as fc.Arbitrary<'=' | '<>' | '<' | '<=' | '>' | '>='>;

const leaf: fc.Arbitrary<ItemCondition> = fc.oneof(
  fc.record({ path, op: fc.oneof(compare, fc.constantFrom('begins-with' as const, 'contains' as const)), value: fc.oneof(scalar, value) }),
  fc.record({ path, op: fc.constant('between' as const), from: scalar, to: scalar }),
  fc.record({ path, op: fc.constant('in' as const), values: fc.array(fc.oneof(scalar, value), { minLength: 1, maxLength: 3 }) }),
  fc.record({ path, op: fc.constantFrom('exists' as const, 'not-exists' as const) }),
  fc.record({ path, op: fc.constant('type' as const), type: fc.constantFrom(...ATTRIBUTE_TYPES) as fc.Arbitrary<AttributeType> }),
  fc.record({ path, op: fc.constant('size' as const), is: compare, size: fc.nat({ max: 4 }) }),
);

const checked = (condition: ItemCondition): boolean => {
  try {
    checkCondition(condition, 'if');
    return true;
  } catch {
    return false;
  }
};

/** Conditions that pass the check. */
export const condition: fc.Arbitrary<ItemCondition> = fc
  .letrec<{ condition: ItemCondition }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      { weight: 3, arbitrary: leaf.filter(checked) },
      { weight: 1, arbitrary: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map((and) => ({ and })) },
      { weight: 1, arbitrary: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map((or) => ({ or })) },
      { weight: 1, arbitrary: tie('condition').map((not) => ({ not })) },
    ),
  }))
  .condition.filter(checked);
