/** What jsdom lacks and Mantine asks for. */
import "@testing-library/jest-dom/vitest";
import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";

afterEach(cleanup);

window.matchMedia = (query) => ({
  matches: false,
  media: query,
  onchange: null,
  addListener: () => undefined,
  removeListener: () => undefined,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
  dispatchEvent: () => false,
});

class NoResizes implements ResizeObserver {
  observe(): void {
    // nothing is laid out here
  }
  unobserve(): void {
    // nothing is laid out here
  }
  disconnect(): void {
    // nothing is laid out here
  }
}
window.ResizeObserver = NoResizes;
window.HTMLElement.prototype.scrollIntoView = () => undefined;
