/** 16-bit samples on the wire (base64, little-endian) and in the browser (floats, −1 to 1). Pure. */

export function floatsOf(base64: string): Float32Array {
  const bytes = atob(base64);
  const samples = new Float32Array(bytes.length >> 1);
  for (let index = 0; index < samples.length; index++) {
    const word = bytes.charCodeAt(index * 2) | (bytes.charCodeAt(index * 2 + 1) << 8);
    samples[index] = ((word << 16) >> 16) / 32768;
  }
  return samples;
}

export function base64Of(samples: Float32Array): string {
  let bytes = "";
  for (const sample of samples) {
    const word = Math.round(Math.min(1, Math.max(-1, sample)) * 32767) & 0xffff;
    bytes += String.fromCharCode(word & 0xff, word >> 8);
  }
  return btoa(bytes);
}

const QUIETEST_DB = -60;

/** How loud, 0 to 1 as an ear would say: −60 dB is nothing, full scale is all. */
export function levelOf(samples: Float32Array): number {
  if (samples.length === 0) return 0;
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const db = 10 * Math.log10(sum / samples.length + 1e-12);
  return Math.min(1, Math.max(0, 1 - db / QUIETEST_DB));
}
