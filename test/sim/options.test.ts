import { describe, expect, test } from 'vitest';
import { drawKnobs } from './draw.ts';
import { FAULTS } from './faults/all.ts';
import { faultsOf, parseFaults, parseKnobs, SEED_MAX, wholeNumber } from './options.ts';

describe('options of the simulator', () => {
  test('faults are named, with a rate or without', () => {
    expect([...parseFaults('none')]).toEqual([]);
    expect([...parseFaults('redelivery,lost-answer=0.2')]).toEqual([
      ['redelivery', undefined],
      ['lost-answer', 0.2],
    ]);
  });

  test('a fault that there is not is refused with a list of those that there are', () => {
    expect(() => parseFaults('redelivery,rain')).toThrow(/There is no fault "rain"\. There are: .*redelivery/);
    for (const bad of ['redelivery=', 'redelivery=x', 'redelivery=2', 'redelivery=-1', 'redelivery=0.1=2', '']) expect(() => parseFaults(bad)).toThrow();
  });

  test('the chosen kinds are on in every seed, and no others; those without a rate keep the one that the seed draws', () => {
    const choice = parseFaults('redelivery,lost-answer=0.2');
    let drawn = 0;
    for (let seed = 0; seed < 200; seed += 1) {
      const faults = faultsOf(seed, choice);
      expect(Object.keys(faults).sort()).toEqual(['lost-answer', 'redelivery']);
      expect(faults['lost-answer']).toBe(0.2);
      expect(faultsOf(seed, choice)).toEqual(faults);
      const own = drawKnobs(seed).faults['redelivery'];
      if (own !== undefined) {
        drawn += 1;
        expect(faults['redelivery']).toBe(own);
      }
    }
    expect(drawn).toBeGreaterThan(10);
    expect(faultsOf(3, parseFaults('none'))).toEqual({});
    expect(Object.keys(faultsOf(3, parseFaults(FAULTS.map((f) => f.name).join(',')))).length).toBe(FAULTS.length);
  });

  test('knobs are JSON of known names within their bounds', () => {
    for (let seed = 0; seed < 500; seed += 1) expect(parseKnobs(JSON.stringify(drawKnobs(seed)))).toEqual(drawKnobs(seed));
    expect(parseKnobs('{"keys":1}')).toEqual({ keys: 1 });
    for (const bad of ['{', '[]', '{"key":1}', '{"members":4}', '{"keys":0}', '{"lanes":1.5}', '{"faults":{"rain":1}}', '{"faults":{"redelivery":"x"}}']) {
      expect(() => parseKnobs(bad), bad).toThrow();
    }
  });

  test('numbers are whole and bounded', () => {
    const seed = wholeNumber(0, SEED_MAX);
    expect([seed('0'), seed(String(SEED_MAX))]).toEqual([0, SEED_MAX]);
    for (const bad of ['', '-1', '1.5', '1e3', 'x', String(SEED_MAX + 1)]) expect(() => seed(bad), bad).toThrow(/whole number from 0 to/);
  });
});
