/**
 * Offhook's look: ink on warm paper, petrol for the agent and for what can be done, amber for the caller and for what is
 * happening now. Numbers that are read against each other (times, phone numbers) are set in the mono face.
 *
 * Colours that Mantine does not know are CSS variables in tokens.css; use those, never a literal.
 */
import { Badge, Button, createTheme, Modal, Paper, Table, Tooltip, type MantineColorsTuple } from "@mantine/core";

const petrol: MantineColorsTuple = [
  "#e8f5f2", "#cfe8e3", "#a3d3ca", "#74bdb0", "#4da999", "#2f9484", "#17796b", "#0c5c55", "#0a4c46", "#063a36",
];
const amber: MantineColorsTuple = [
  "#fdf5e4", "#f9e7c2", "#f3d193", "#ecba61", "#e4a53a", "#cf8a1b", "#a86a0d", "#865208", "#6a4107", "#4f3006",
];
const brick: MantineColorsTuple = [
  "#fbeeea", "#f5d8d0", "#eab3a5", "#df8d79", "#d56c53", "#c5503a", "#ad3f2c", "#8f3223", "#74281c", "#591e15",
];
// Mantine's greys, warmed: borders, dimmed text, hover.
const gray: MantineColorsTuple = [
  "#f8f7f3", "#f1efe9", "#e5e2d9", "#d6d2c7", "#bdb8ab", "#9b978b", "#6b6a62", "#4e4f49", "#343733", "#1d211f",
];
const dark: MantineColorsTuple = [
  "#e6ebe8", "#c3ccc7", "#9eaaa4", "#6c7872", "#343e3a", "#29322f", "#1a211f", "#121816", "#0d1211", "#080b0a",
];

export const theme = createTheme({
  primaryColor: "petrol",
  primaryShade: { light: 7, dark: 6 },
  autoContrast: true,
  luminanceThreshold: 0.24,
  colors: { petrol, amber, brick, red: brick, gray, dark },
  black: "#1d211f",
  white: "#fffefb",
  fontFamily: '"Instrument Sans Variable", system-ui, sans-serif',
  fontFamilyMonospace: '"Geist Mono Variable", ui-monospace, monospace',
  fontSizes: { xs: "0.78rem", sm: "0.875rem", md: "0.96rem", lg: "1.1rem", xl: "1.3rem" },
  headings: {
    fontWeight: "600",
    sizes: {
      h1: { fontSize: "1.75rem", lineHeight: "1.2" },
      h2: { fontSize: "1.2rem", lineHeight: "1.3" },
      h3: { fontSize: "1rem", lineHeight: "1.4" },
    },
  },
  defaultRadius: "md",
  radius: { xs: "3px", sm: "5px", md: "8px", lg: "12px", xl: "20px" },
  shadows: {
    xs: "0 1px 2px rgb(29 33 31 / 6%)",
    sm: "0 1px 2px rgb(29 33 31 / 6%), 0 2px 8px rgb(29 33 31 / 5%)",
    md: "0 2px 4px rgb(29 33 31 / 6%), 0 8px 24px rgb(29 33 31 / 9%)",
  },
  focusRing: "auto",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Badge: Badge.extend({ defaultProps: { variant: "light", radius: "sm", tt: "none", fw: 600 } }),
    Button: Button.extend({ defaultProps: { fw: 600 } }),
    Modal: Modal.extend({ defaultProps: { centered: true, radius: "lg", overlayProps: { backgroundOpacity: 0.45 } } }),
    Paper: Paper.extend({ defaultProps: { radius: "lg" } }),
    Table: Table.extend({ defaultProps: { verticalSpacing: "sm", horizontalSpacing: "md" } }),
    Tooltip: Tooltip.extend({ defaultProps: { withArrow: true, openDelay: 300 } }),
  },
});
