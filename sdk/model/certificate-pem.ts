/** Certificates in PEM, compared as text: which bundles are the same, whatever stands around their blocks. */

const block = /-----BEGIN CERTIFICATE-----\r?\n([\s\S]*?)-----END CERTIFICATE-----/g;

/** The blocks of a bundle in base64, without line ends and headers. */
const bodies = (pem: string): readonly string[] =>
  [...pem.matchAll(block)].map(([, body = '']) =>
    body
      .split(/\r?\n/)
      .filter((line) => !line.includes(':'))
      .join('')
      .replace(/\s/g, ''),
  );

/** Two texts without any certificate are not the same. */
export function sameCertificates(a: string, b: string): boolean {
  const [left, right] = [bodies(a), bodies(b)];
  return (
    left.length > 0 && left.length === right.length && left.every((body, at) => body === right[at])
  );
}
