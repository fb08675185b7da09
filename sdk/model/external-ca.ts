/** Which external authorities sign under a root. */
import type { Cluster } from '../wire/gen/swarmkit/objects.js';
import { type ExternalCA, ExternalCA_CAProtocol } from '../wire/gen/swarmkit/types.js';
import { sameCertificates } from './certificate-pem.js';

/** An entry that names no root belongs to the cluster's present one. */
export const externalUrls = (
  entries: readonly ExternalCA[],
  rootPem: string,
  cluster: Pick<Cluster, 'rootCa'>,
): readonly string[] =>
  entries
    .filter(
      ({ protocol, caCert }) =>
        protocol === ExternalCA_CAProtocol.CFSSL &&
        sameCertificates(
          (caCert.length === 0 ? (cluster.rootCa?.caCert ?? caCert) : caCert).toString('latin1'),
          rootPem,
        ),
    )
    .map(({ url }) => url);
