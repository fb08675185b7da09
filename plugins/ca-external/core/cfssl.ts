// The CFSSL protocol as SwarmKit speaks it: what is sent to be signed, and what an answer says.
import type {
  CrossSigningRequest,
  SignRequest,
} from '@swarmkit/sdk/contracts/certificate-authority';

const BASIC_CONSTRAINTS = '2.5.29.19';

/** Go's zero time, which CFSSL takes for "not said". */
const NO_TIME = '0001-01-01T00:00:00Z';

/** The body for a node's certificate. */
export function nodeBody({ csrPem, nodeId, clusterId, role }: SignRequest): string {
  const unit = `swarm-${role}`;
  return body(csrPem, {
    hosts: role === 'manager' ? [unit, nodeId, 'swarm-ca'] : [unit, nodeId],
    subject: { CN: nodeId, names: [{ O: clusterId, OU: unit }], SerialNumber: '' },
    profile: '',
  });
}

/** The body for the cross-signed certificate of a new root. */
export function rootBody({ csrPem, subject, constraints }: CrossSigningRequest): string {
  const { CN = '', ...rest } = subject;
  return body(csrPem, {
    hosts: null,
    subject: { CN, names: Object.keys(rest).length === 0 ? [] : [rest], SerialNumber: '' },
    profile: 'CA',
    extensions: [
      {
        id: BASIC_CONSTRAINTS,
        critical: constraints.critical,
        value: hex(constraints.value),
      },
    ],
  });
}

const body = (csrPem: string, request: object): string =>
  JSON.stringify({
    ...request,
    certificate_request: csrPem,
    crl_override: '',
    label: '',
    metadata: null,
    NotBefore: NO_TIME,
    NotAfter: NO_TIME,
    ReturnPrecert: false,
  });

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** `unclear`: that was no answer, and another time there may be one. `refused` is one. */
export type Answer =
  | { readonly kind: 'certificate'; readonly pem: string }
  | { readonly kind: 'refused' | 'unclear'; readonly reason: string };

export function readAnswer(status: number, text: string): Answer {
  if (status !== 200) return { kind: 'unclear', reason: `it answered with HTTP status ${status}` };
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return { kind: 'unclear', reason: 'its answer is not JSON' };
  }
  const { success, errors, result } = recordOf(answer);
  if (success !== true) return { kind: 'refused', reason: reasonOf(errors) };
  const { certificate } = recordOf(result);
  if (typeof certificate !== 'string' || !certificate.includes('-----BEGIN CERTIFICATE-----'))
    return { kind: 'refused', reason: 'its answer has no certificate' };
  return {
    kind: 'certificate',
    pem: certificate.endsWith('\n') ? certificate : `${certificate}\n`,
  };
}

function reasonOf(errors: unknown): string {
  const [first] = Array.isArray(errors) ? (errors as readonly unknown[]) : [];
  const { message } = recordOf(first);
  return typeof message === 'string' && message !== ''
    ? message.replace(/\s+/g, ' ').slice(0, 200)
    : 'it gave no reason';
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
