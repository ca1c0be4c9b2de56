import { describe, expect, test } from 'vitest';
import type { StackResource } from '../../lib/doctor/facts.ts';
import { apiUrl, lacking, pretendedText, type Template } from '../../local/deployed.ts';
import { endpointUrl, sharedPlace } from '../../local/place.ts';

const resource = (part: Partial<StackResource> = {}): StackResource => ({
  logicalId: 'Table',
  type: 'AWS::DynamoDB::Table',
  physicalId: 'orders',
  status: 'CREATE_COMPLETE',
  answer: 'there',
  ...part,
});

describe('an endpoint', () => {
  test.each([
    ['http://127.0.0.1:4566', 'http://127.0.0.1:4566'],
    ['http://localhost:4566/', 'http://localhost:4566'],
    ['https://localstack.example', 'https://localstack.example'],
  ])('%j is used as %j', (text, url) => {
    expect(endpointUrl(text)).toBe(url);
  });

  test.each(['127.0.0.1:4566', 'ftp://host', 'http://host/path', 'http://host/?a', 'nonsense', ''])('%j is refused, with an example', (text) => {
    expect(() => endpointUrl(text)).toThrow('http://127.0.0.1:4566; got');
  });

  test('has no password in it', () => {
    expect(() => endpointUrl('http://me:secret@host')).toThrow('no user or password');
    expect(() => endpointUrl('http://me:secret@host')).not.toThrow('secret');
  });
});

describe('a place behind one endpoint', () => {
  test('has all regions there, with a made-up key and the region of each', () => {
    const place = sharedPlace('http://127.0.0.1:4566', ['eu-central-1', 'us-east-1']);
    expect(place.endpoints).toEqual({ 'eu-central-1': 'http://127.0.0.1:4566', 'us-east-1': 'http://127.0.0.1:4566' });
    expect(place.environment('us-east-1')).toMatchObject({
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:4566',
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:4566',
    });
    expect(() => sharedPlace('http://127.0.0.1:4566', ['nowhere'])).toThrow('"nowhere" is not the name of a region');
  });
});

describe('what a cloud only pretended to make', () => {
  const template: Template = { Resources: { Table: { Type: 'AWS::DynamoDB::Table' }, Rule: { Type: 'AWS::Events::Rule' } } };
  const rule = resource({ logicalId: 'Rule', type: 'AWS::Events::Rule', physicalId: 'minute', answer: 'unasked' });

  test('is nothing where each resource has an id and is known', () => {
    expect(lacking(template, [resource(), rule])).toEqual([]);
  });

  test.each<[string, Partial<StackResource>, string]>([
    ['an id of "unknown"', { physicalId: 'unknown' }, 'its id is "unknown"'],
    ['an empty id', { physicalId: '' }, 'it has no id'],
    ['a name that its service does not know', { answer: 'missing' }, 'its service does not know it'],
  ])('is named for %s', (_, part, why) => {
    expect(lacking(template, [resource(part), rule])).toEqual([{ logicalId: 'Table', type: 'AWS::DynamoDB::Table', why }]);
  });

  test('is named for no id at all', () => {
    const { physicalId: _, ...without } = resource({ answer: 'unasked' });
    expect(lacking(template, [without, rule])).toEqual([{ logicalId: 'Table', type: 'AWS::DynamoDB::Table', why: 'it has no id' }]);
  });

  test('is named where the stack does not list it, but for what depends on a condition', () => {
    expect(lacking(template, [resource()])).toEqual([{ logicalId: 'Rule', type: 'AWS::Events::Rule', why: 'the stack does not list it' }]);
    expect(lacking({ Resources: { ...template.Resources, Rule: { Type: 'AWS::Events::Rule', Condition: 'Maybe' } } }, [resource()])).toEqual([]);
  });
});

test('what was only pretended is a line of its own for a person', () => {
  const [lack] = lacking({ Resources: {} }, [resource({ physicalId: 'unknown' })]);
  expect(pretendedText([])).toBe('');
  expect(pretendedText([{ region: 'us-east-1', stack: 'data', ...(lack ?? { logicalId: '', type: '', why: '' }) }])).toBe(
    'warning: us-east-1 reported AWS::DynamoDB::Table Table of data as made, but it is not there: its id is "unknown".\n',
  );
});

test('a member’s API is addressed by path, by what its stack lists', () => {
  const api = resource({ logicalId: 'Api', type: 'AWS::ApiGateway::RestApi', physicalId: 'abc' });
  const stage = resource({ logicalId: 'Stage', type: 'AWS::ApiGateway::Stage', physicalId: 'abc/v1' });
  expect(apiUrl('http://127.0.0.1:1', 'app', [api, stage])).toBe('http://127.0.0.1:1/_aws/execute-api/abc/v1');
  expect(() => apiUrl('http://127.0.0.1:1', 'app', [api])).toThrow('The stack app at http://127.0.0.1:1 has no AWS::ApiGateway::Stage.');
});
