import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { AwsExportsPort } from '../../../../lib/adapters/aws/exports-port.ts';
import { UNSUPPORTED } from '../../../../lib/ports/exports.ts';

/** A port whose service answers this. Keeps what it was asked. */
function port(status: number, body: object): { exports: AwsExportsPort; asked: { target: string; input: Record<string, unknown> }[] } {
  const asked: { target: string; input: Record<string, unknown> }[] = [];
  const text = JSON.stringify(body);
  const client = new DynamoDBClient({
    region: 'eu-central-1',
    endpoint: 'http://127.0.0.1:9',
    maxAttempts: 1,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    requestHandler: {
      handle: async (request: { headers: Record<string, string>; body: Uint8Array }) => {
        asked.push({ target: request.headers['x-amz-target'] ?? '', input: JSON.parse(new TextDecoder().decode(request.body)) });
        return { response: { statusCode: status, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: new Blob([text]).stream() } };
      },
    } as never,
  });
  return { exports: new AwsExportsPort(client), asked };
}
const KEY = { partition: { name: 'pk', type: 'S' }, sort: { name: 'sk', type: 'N' } } as const;
const IMPORT = { table: 'new', key: KEY, bucket: 'b', prefix: 'scans/x/data/', compression: 'zstd', token: 't' } as const;

describe('DynamoDB’s exports and imports', () => {
  it('are asked for as AWS wants it', async () => {
    const out = port(200, { ExportDescription: { ExportArn: 'arn:1' } });
    expect(await out.exports.beginExport({ tableArn: 'arn:t', bucket: 'b', prefix: 'p', token: 't' })).toBe('arn:1');
    expect(out.asked).toEqual([
      {
        target: 'DynamoDB_20120810.ExportTableToPointInTime',
        input: { TableArn: 'arn:t', S3Bucket: 'b', S3Prefix: 'p', ClientToken: 't', ExportFormat: 'DYNAMODB_JSON' },
      },
    ]);
    const into = port(200, { ImportTableDescription: { ImportArn: 'arn:2' } });
    expect(await into.exports.beginImport(IMPORT)).toBe('arn:2');
    expect(into.asked[0]?.input).toEqual({
      ClientToken: 't',
      S3BucketSource: { S3Bucket: 'b', S3KeyPrefix: 'scans/x/data/' },
      InputFormat: 'DYNAMODB_JSON',
      InputCompressionType: 'ZSTD',
      TableCreationParameters: {
        TableName: 'new',
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'N' },
        ],
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        BillingMode: 'PAY_PER_REQUEST',
      },
    });
  });

  it('are read as they stand', async () => {
    const at = (status: string, more: object = {}) => port(200, { ExportDescription: { ExportStatus: status, ...more } }).exports.describeExport('a');
    expect(await at('IN_PROGRESS')).toEqual({ status: 'running' });
    expect(await at('COMPLETED', { ExportTime: 1_700_000_000.5, ItemCount: 7, BilledSizeBytes: 9 })).toEqual({
      status: 'done',
      timeMs: 1_700_000_000_500,
      items: 7,
      bytes: 9,
    });
    expect(await at('FAILED', { FailureCode: 'S3', FailureMessage: 'no' })).toEqual({ status: 'failed', why: 'S3: no' });
    const { exports } = port(200, {
      ImportTableDescription: { ImportStatus: 'CANCELLED', ImportedItemCount: 1, ProcessedItemCount: 2, ErrorCount: 3, ProcessedSizeBytes: 4 },
    });
    expect(await exports.describeImport('a')).toEqual({ status: 'failed', imported: 1, processed: 2, errors: 3, bytes: 4 });
  });

  it('that the service does not know are told from those that it refuses', async () => {
    const refused = (status: number, code: string) => port(status, { __type: `x#${code}`, message: 'm' }).exports;
    await expect(refused(400, 'UnknownOperationException').beginImport(IMPORT)).rejects.toMatchObject({ kind: 'invalid', code: UNSUPPORTED });
    await expect(refused(501, 'InternalFailure').describeExport('a')).rejects.toMatchObject({ kind: 'invalid', code: UNSUPPORTED });
    await expect(refused(400, 'PointInTimeRecoveryUnavailableException').beginImport(IMPORT)).rejects.toMatchObject({
      code: 'PointInTimeRecoveryUnavailableException',
    });
    await expect(port(200, {}).exports.beginImport(IMPORT)).rejects.toMatchObject({ kind: 'unanswered' });
  });
});
