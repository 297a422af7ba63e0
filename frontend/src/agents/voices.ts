/** The voices that the voice workers have, and hearing one of them. */
import { queryOptions } from "@tanstack/react-query";
import { api, data, send } from "../wire/client";

export const voicesQuery = queryOptions({
  queryKey: ["voices"],
  queryFn: async ({ signal }) => data(await api.GET("/api/voices", { signal })).voices,
  staleTime: 60_000,
});

/** A sentence in this voice, as a WAV file. */
export async function voiceSample(voice: string, text: string, signal: AbortSignal): Promise<Blob> {
  const url = new URL("/api/voices/sample", window.location.origin);
  const headers = { "Content-Type": "application/json", Accept: "audio/wav, application/json" };
  const response = await send(
    new Request(url, { method: "POST", headers, body: JSON.stringify({ voice, text }), signal }),
  );
  return response.blob();
}
