// What to do with what lies in the certificate folder. Files are written in an order (root key, root
// certificate, pending node certificate, node key, node certificate) that makes every state a crash can
// leave one of those below; any other was made by somebody and is said, never repaired by guessing.

export interface FolderFacts {
  readonly rootCertificate: boolean;
  readonly rootKey: boolean;
  readonly nodeKey: boolean;
  readonly nodeCertificate: CertificateFact;
  /** Written before the key that it belongs to, and renamed into place after it. */
  readonly pendingCertificate: CertificateFact;
  /** This start names a cluster to join. It counts only where there is no identity yet. */
  readonly joining: boolean;
}

/** `matching`: it belongs to the node key. */
export type CertificateFact = 'absent' | 'unreadable' | 'matching' | 'other';

export type FolderPlan =
  /** Nothing of worth is here: make a root and an identity. */
  | { readonly do: 'bootstrap' }
  /** A root that can sign, and no identity yet. */
  | { readonly do: 'issue' }
  /** No identity yet, and a cluster to get one from. */
  | { readonly do: 'join' }
  /** Joining was begun by an earlier start, and this one does not say whom to ask. */
  | { readonly do: 'ask-again' }
  | { readonly do: 'use'; readonly certificate: 'node' | 'pending' }
  /** `file` is missing or wrong; `problem` completes "<path> ...". */
  | { readonly do: 'refuse'; readonly file: FolderFile; readonly problem: string };

export type FolderFile =
  | 'swarm-root-ca.crt'
  | 'swarm-root-ca.key'
  | 'swarm-node.crt'
  | 'swarm-node.key';

export function planFor(facts: FolderFacts): FolderPlan {
  const { rootCertificate, rootKey, nodeKey, nodeCertificate, pendingCertificate } = facts;
  if (!nodeKey && nodeCertificate === 'absent') {
    if (facts.joining) return { do: 'join' };
    if (rootCertificate && rootKey) return { do: 'issue' };
    return { do: rootCertificate ? 'ask-again' : 'bootstrap' };
  }
  if (!nodeKey) return refuse('swarm-node.key', 'is missing while its certificate is there');
  if (!rootCertificate)
    return refuse('swarm-root-ca.crt', 'is missing while the node certificate is there');
  if (nodeCertificate === 'matching') return { do: 'use', certificate: 'node' };
  if (pendingCertificate === 'matching') return { do: 'use', certificate: 'pending' };
  return refuse('swarm-node.crt', PROBLEMS[nodeCertificate]);
}

const PROBLEMS = {
  absent: 'is missing while its key is there',
  unreadable: 'is not a PEM certificate',
  other: 'does not belong to the key in swarm-node.key',
};

const refuse = (file: FolderFile, problem: string): FolderPlan => ({ do: 'refuse', file, problem });
