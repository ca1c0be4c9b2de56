import type { KeySchema } from '../core/key.ts';

/**
 * DynamoDB's own exports to S3 and imports from it, in one region. Control plane: each call begins or looks at a job of
 * DynamoDB's that takes minutes and more. One call is one request: no retries inside.
 *
 * Every method throws RemoteError, classified; "invalid" with code "Unsupported" where the service has no such call.
 *
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.HowItWorks.html
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.HowItWorks.html
 */
export interface ExportsPort {
  /**
   * Begins a full export of the table as it is now, in DynamoDB JSON, gzip. Repeated with the same token (for 8 h) it names
   * the same export.
   *
   * @returns its ARN.
   * @throws RemoteError code "PointInTimeRecoveryUnavailableException" where point-in-time recovery is off.
   */
  beginExport(request: ExportRequest): Promise<string>;
  describeExport(arn: string): Promise<ExportState>;
  /**
   * Begins to load files into a table that DynamoDB makes. Repeated with the same token (for 8 h) it names the same import.
   *
   * @returns its ARN.
   * @throws RemoteError code "ResourceInUseException" where there is such a table.
   */
  beginImport(request: ImportRequest): Promise<string>;
  describeImport(arn: string): Promise<ImportState>;
}

/** The code of a RemoteError of a service that has no such call. */
export const UNSUPPORTED = 'Unsupported';

export interface ExportRequest {
  readonly tableArn: string;
  readonly bucket: string;
  /** Without a slash at its end. DynamoDB writes to `<prefix>/AWSDynamoDB/<export>/…`. */
  readonly prefix: string;
  readonly token: string;
}

/** How a job of DynamoDB's stands. */
export type JobStatus = 'running' | 'done' | 'failed';

export interface ExportState {
  readonly status: JobStatus;
  /** Why it failed. */
  readonly why?: string;
  /** The moment whose table it holds (ms). */
  readonly timeMs?: number;
  readonly items?: number;
  /** Bytes that are billed. */
  readonly bytes?: number;
}

export interface ImportRequest {
  readonly table: string;
  readonly key: KeySchema;
  readonly bucket: string;
  /** Every object below it is loaded. */
  readonly prefix: string;
  readonly compression: 'zstd' | 'gzip' | 'none';
  readonly token: string;
}

export interface ImportState {
  readonly status: JobStatus;
  /** Why it failed. */
  readonly why?: string;
  /** Items that were loaded, and that were looked at. */
  readonly imported: number;
  readonly processed: number;
  /** Items that could not be loaded. */
  readonly errors: number;
  /** Bytes that were read, unpacked. */
  readonly bytes: number;
}
