// What an update of the cluster means for its root certificate. Cryptography is asked for and not done
// here; texts and order are SwarmKit's.
import type {
  CertificateAuthority,
  RootFacts,
} from '@swarmkit/sdk/contracts/certificate-authority';
import { sameCertificates } from '@swarmkit/sdk/model/certificate-pem';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ClusterSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { CAConfig, RootCA } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { invalid } from './refusals.js';

const YEAR_MS = 365 * 24 * 3_600_000;

type Inspector = Pick<CertificateAuthority, 'inspectRoot'>;

export interface RootChange {
  /**
   * `keep`: nothing changes. `settled`: this is the root now. `rotate`: to this one, or to a fresh one;
   * the old root signs it across.
   */
  readonly to:
    | { readonly do: 'keep' }
    | { readonly do: 'settled'; readonly rootCa: RootCA }
    | { readonly do: 'rotate'; readonly root: NewRoot | 'fresh' };
  /** Roots without a key here: one external authority of each must answer. */
  readonly needs: readonly ExternalNeed[];
}

export interface NewRoot {
  readonly certificatePem: string;
  /** Empty where an external authority has it. */
  readonly keyPem: string;
}

export interface ExternalNeed {
  readonly which: 'current' | 'next' | 'desired';
  readonly rootPem: string;
}

export function planRoot(
  cluster: Cluster,
  spec: ClusterSpec,
  inspector: Inspector,
  now: number,
): RootChange {
  const { rootCa } = cluster;
  const wanted = spec.caConfig;
  if (rootCa === undefined || wanted === undefined) return { to: { do: 'keep' }, needs: [] };
  const current = pemOf(rootCa.caCert);
  const needs: ExternalNeed[] =
    rootCa.caKey.length === 0 ? [{ which: 'current', rootPem: current }] : [];
  if (wanted.signingCaCert.length === 0) {
    if (wanted.signingCaKey.length > 0)
      throw invalid('if a signing CA key is provided, the signing CA cert must also be provided');
    if (wanted.forceRotate !== rootCa.lastForcedRotation)
      return { to: { do: 'rotate', root: 'fresh' }, needs };
    // A setting that has nothing to do with authorities need not wait for one that is away.
    if (wireEqual(wanted.externalCas, cluster.spec?.caConfig?.externalCas ?? []))
      return { to: { do: 'keep' }, needs: [] };
    const next = rootCa.rootRotation;
    if (next !== undefined && next.caKey.length === 0)
      needs.push({ which: 'next', rootPem: pemOf(next.caCert) });
    return { to: { do: 'keep' }, needs };
  }
  const desired = desiredRoot(wanted, inspector, now);
  const root: NewRoot = { certificatePem: desired.pem, keyPem: pemOf(wanted.signingCaKey) };
  if (root.keyPem === '') needs.push({ which: 'desired', rootPem: desired.pem });
  return { to: towards(rootCa, wanted, root, desired, inspector), needs };
}

function towards(
  rootCa: RootCA,
  { signingCaKey, forceRotate }: CAConfig,
  root: NewRoot,
  desired: RootFacts,
  inspector: Inspector,
): RootChange['to'] {
  const lastForcedRotation = forceRotate;
  const { rootRotation } = rootCa;
  if (sameCertificates(pemOf(rootCa.caCert), root.certificatePem)) {
    // Back to where the cluster is: a rotation under way is given up.
    const rest = { rootRotation: undefined, lastForcedRotation };
    return { do: 'settled', rootCa: { ...rootCa, caKey: signingCaKey, ...rest } };
  }
  if (rootRotation && sameCertificates(pemOf(rootRotation.caCert), root.certificatePem)) {
    const next = { ...rootRotation, caKey: signingCaKey };
    return { do: 'settled', rootCa: { ...rootCa, rootRotation: next, lastForcedRotation } };
  }
  if (hasKeyOf(rootCa, desired, inspector))
    throw invalid('Cannot update to a cert with an identical key');
  if (rootCa.caKey.length === 0 && root.keyPem === '')
    throw invalid('rotating from one external CA to a different external CA is not supported');
  return { do: 'rotate', root };
}

function desiredRoot(wanted: CAConfig, inspector: Inspector, now: number): RootFacts {
  const key = wanted.signingCaKey.length === 0 ? undefined : pemOf(wanted.signingCaKey);
  const pem = pemOf(wanted.signingCaCert);
  if (!pem.includes('-----BEGIN CERTIFICATE-----'))
    throw invalid('could not parse the desired CA certificate');
  let facts: RootFacts;
  try {
    facts = inspector.inspectRoot(pem, key);
  } catch (error) {
    throw invalid(`the desired CA certificate cannot be used: ${messageOf(error)}`);
  }
  if (facts.certificates !== 1)
    throw invalid('the desired CA certificate cannot contain multiple certificates');
  if (facts.notAfter < now + YEAR_MS) throw invalid('CA certificate expires too soon');
  return facts;
}

/** An expired root of ours cannot be inspected any more, and may be left behind by any other. */
function hasKeyOf(rootCa: RootCA, desired: RootFacts, inspector: Inspector): boolean {
  try {
    const { publicKey } = inspector.inspectRoot(pemOf(rootCa.caCert));
    return wireEqual(publicKey, desired.publicKey);
  } catch {
    return false;
  }
}

/** The rotation as it begins: the old root stays what nodes trust until all have moved. */
export const rotating = (
  rootCa: RootCA,
  root: NewRoot,
  crossSignedPem: string,
  lastForcedRotation: bigint,
): RootCA => ({
  ...rootCa,
  lastForcedRotation,
  rootRotation: {
    caCert: Buffer.from(root.certificatePem),
    caKey: Buffer.from(root.keyPem),
    crossSignedCaCert: Buffer.from(crossSignedPem),
  },
});

const pemOf = (bytes: Buffer): string => bytes.toString('latin1');
