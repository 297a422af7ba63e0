/** Starts the console. Everything visible is in App.tsx and the routes. */
import "@fontsource-variable/geist-mono/wght.css";
import "@fontsource-variable/instrument-sans/wght.css";
import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./ui/tokens.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
