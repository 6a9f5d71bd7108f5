// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module entry, PCI ids, probe and remove as lists of steps. What the chip is told lies in core/;
 * here is what Linux is told. Probe takes over a second per card after power-up (address
 * windows need a settling time), so it runs asynchronously.
 */
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "akida_dev.h"
#include "akida_compat.h"

#define AKIDA_MINORS 64u

static dev_t akida_devt;
static DEFINE_IDA(akida_ida);

static struct class akida_class = {
	.name = "akida",
	.dev_groups = akida_groups,
};

static bool akida_poll_only;
module_param_named(poll, akida_poll_only, bool, 0444);
MODULE_PARM_DESC(poll, "use no interrupt even where there is one");

static void akida_dev_release(struct device *dev)
{
	struct akida_device *adev = container_of(dev, struct akida_device, dev);

	if (adev->minor >= 0)
		ida_free(&akida_ida, (unsigned int)adev->minor);
	mutex_destroy(&adev->core_lock);
	mutex_destroy(&adev->buffers_lock);
	kvfree(adev->meter.ring);
	kfree(adev);
}

static struct akida_device *akida_dev_alloc(struct pci_dev *pdev)
{
	struct akida_device *adev = kzalloc(sizeof(*adev), GFP_KERNEL);
	u32 i;

	if (!adev)
		return NULL;
	adev->pdev = pdev;
	adev->minor = -1;
	adev->chip = pdev->device == AKC_PCI_AKD1500 ? AKIDA_CHIP_AKD1500 : AKIDA_CHIP_AKD1000;
	init_rwsem(&adev->remove_sem);
	mutex_init(&adev->core_lock);
	mutex_init(&adev->buffers_lock);
	spin_lock_init(&adev->queue_lock);
	for (i = 0; i < AKIDA_LEVELS; i++)
		INIT_LIST_HEAD(&adev->ready[i]);
	INIT_LIST_HEAD(&adev->contexts);
	INIT_LIST_HEAD(&adev->buffers);
	init_waitqueue_head(&adev->work_wait);
	init_waitqueue_head(&adev->poll_wait);
	init_waitqueue_head(&adev->irq_wait);
	device_initialize(&adev->dev);
	adev->dev.class = &akida_class;
	adev->dev.parent = &pdev->dev;
	adev->dev.release = akida_dev_release;
	return adev;
}

/* ---- link power states: the part stops answering in L0s and L1; off for its link only ---- */

static void akida_aspm_off(struct akida_device *adev)
{
	struct pci_dev *up = pci_upstream_bridge(adev->pdev);

	if (!pci_is_pcie(adev->pdev))
		return;
	pcie_capability_read_word(adev->pdev, PCI_EXP_LNKCTL, &adev->aspm_dev);
	if (up)
		pcie_capability_read_word(up, PCI_EXP_LNKCTL, &adev->aspm_parent);
	adev->aspm_saved = true;
	pcie_capability_clear_word(adev->pdev, PCI_EXP_LNKCTL,
				   PCI_EXP_LNKCTL_ASPMC); /* the device first */
	if (up)
		pcie_capability_clear_word(up, PCI_EXP_LNKCTL, PCI_EXP_LNKCTL_ASPMC);
}

static void akida_aspm_restore(struct akida_device *adev)
{
	struct pci_dev *up = pci_upstream_bridge(adev->pdev);

	if (!adev->aspm_saved)
		return;
	if (up) /* upstream first when they come on */
		pcie_capability_set_word(up, PCI_EXP_LNKCTL,
					 adev->aspm_parent & PCI_EXP_LNKCTL_ASPMC);
	pcie_capability_set_word(adev->pdev, PCI_EXP_LNKCTL, adev->aspm_dev & PCI_EXP_LNKCTL_ASPMC);
}

/* ---- probe steps; each logs its own failure ---- */

/* The least each BAR must have for the windows the core uses. */
static int akida_map_bars(struct akida_device *adev)
{
	static const struct {
		u8 bar;
		u32 least;
	} want[] = {{0, SZ_8K}, {2, SZ_1M}, {4, SZ_1M}};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(want); i++) {
		u8 bar = want[i].bar;

		adev->bar_bytes[bar] = pci_resource_len(adev->pdev, bar);
		if (!(pci_resource_flags(adev->pdev, bar) & IORESOURCE_MEM) ||
		    adev->bar_bytes[bar] < want[i].least) {
			dev_err(&adev->pdev->dev, "BAR%u has %llu bytes, at least %u are needed\n",
				bar, (u64)adev->bar_bytes[bar], want[i].least);
			return -ENODEV;
		}
		adev->bar[bar] = pci_iomap(adev->pdev, bar, 0);
		if (!adev->bar[bar]) {
			dev_err(&adev->pdev->dev, "BAR%u cannot be mapped\n", bar);
			return -ENOMEM;
		}
	}
	return 0;
}

static void akida_unmap_bars(struct akida_device *adev)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(adev->bar); i++) {
		if (adev->bar[i])
			pci_iounmap(adev->pdev, adev->bar[i]);
		adev->bar[i] = NULL;
	}
}

static int akida_set_dma(struct akida_device *adev)
{
	struct device *dev = &adev->pdev->dev;
	dma_addr_t bus;
	int err;

	err = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (err)
		err = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32));
	if (err) {
		dev_err(dev, "no usable DMA mask: %d\n", err);
		return err;
	}
	dma_set_max_seg_size(dev, SZ_1M);
	adev->stage.cpu = dma_alloc_coherent(dev, AKIDA_STAGE_BYTES, &bus, GFP_KERNEL);
	if (!adev->stage.cpu) {
		dev_err(dev, "no memory for the DMA stage\n");
		return -ENOMEM;
	}
	adev->stage.bus = bus;
	adev->stage.bytes = AKIDA_STAGE_BYTES;
	pci_set_master(adev->pdev);
	return 0;
}

static void akida_clear_dma(struct akida_device *adev)
{
	pci_clear_master(adev->pdev);
	akida_window_free(adev);
	if (adev->stage.cpu)
		dma_free_coherent(&adev->pdev->dev, AKIDA_STAGE_BYTES, adev->stage.cpu,
				  adev->stage.bus);
	adev->stage.cpu = NULL;
}

static irqreturn_t akida_irq(int irq, void *data)
{
	struct akida_device *adev = data;

	atomic64_inc(&adev->interrupts);
	atomic_inc(&adev->irq_seen);
	wake_up(&adev->irq_wait);
	return IRQ_HANDLED;
}

/* One vector; without any the worker polls, which costs time and nothing else. */
static void akida_set_irq(struct akida_device *adev)
{
	int n = akida_poll_only
			? 0
			: pci_alloc_irq_vectors(adev->pdev, 1, 1, PCI_IRQ_MSI | PCI_IRQ_MSIX);
	int irq;

	if (n == 1) {
		irq = pci_irq_vector(adev->pdev, 0);
		if (!request_irq((unsigned int)irq, akida_irq, 0, "akida", adev)) {
			adev->irq = irq;
			return;
		}
		pci_free_irq_vectors(adev->pdev);
	}
	dev_info(&adev->pdev->dev, "no interrupt vector, polling\n");
}

static void akida_clear_irq(struct akida_device *adev)
{
	if (!adev->irq)
		return;
	free_irq((unsigned int)adev->irq, adev);
	pci_free_irq_vectors(adev->pdev);
	adev->irq = 0;
}

static int akida_start_chip(struct akida_device *adev)
{
	int err;

	mutex_lock(&adev->core_lock);
	err = akc_probe(&adev->core, &akida_bus, adev, adev->pdev->device, &adev->stage);
	if (!err) {
		akida_msi_update(adev);
		akida_counters(adev);
		akida_power_probe(adev);
	}
	mutex_unlock(&adev->core_lock);
	if (err)
		dev_err(&adev->pdev->dev, "the chip does not come up: %d\n", err);
	return err;
}

static int akida_start_worker(struct akida_device *adev)
{
	struct task_struct *task = kthread_run(akida_worker, adev, "akida%d", adev->minor);

	if (IS_ERR(task)) {
		dev_err(&adev->pdev->dev, "no worker thread: %ld\n", PTR_ERR(task));
		return PTR_ERR(task);
	}
	adev->worker = task;
	return 0;
}

static int akida_add_node(struct akida_device *adev)
{
	int err;

	adev->dev.devt = MKDEV(MAJOR(akida_devt), MINOR(akida_devt) + (unsigned int)adev->minor);
	cdev_init(&adev->cdev, &akida_fops);
	adev->cdev.owner = THIS_MODULE;
	err = cdev_device_add(&adev->cdev, &adev->dev);
	if (err)
		dev_err(&adev->pdev->dev, "no device node: %d\n", err);
	return err;
}

static int akida_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct akida_device *adev;
	int err;

	adev = akida_dev_alloc(pdev);
	if (!adev)
		return -ENOMEM;
	err = ida_alloc_max(&akida_ida, AKIDA_MINORS - 1, GFP_KERNEL);
	if (err < 0)
		goto put;
	adev->minor = err;
	err = dev_set_name(&adev->dev, "akida%d", adev->minor);
	if (err)
		goto put;
	err = pci_enable_device_mem(pdev);
	if (err)
		goto put;
	err = pci_request_regions(pdev, "akida");
	if (err)
		goto disable;
	akida_aspm_off(adev);
	err = akida_map_bars(adev);
	if (err)
		goto unmap;
	err = akida_set_dma(adev);
	if (err)
		goto clear_dma;
	akida_set_irq(adev);
	err = akida_start_chip(adev);
	if (err)
		goto clear_irq;
	err = akida_start_worker(adev);
	if (err)
		goto clear_irq;
	pci_set_drvdata(pdev, adev);
	pci_save_state(pdev); /* for a link that is reset */
	err = akida_add_node(adev);
	if (err)
		goto stop_worker;
	akida_power_register(adev);
	dev_info(&adev->dev, "AKD%u, %u NPs, %s\n", adev->chip, adev->core.mesh.count,
		 adev->irq ? "interrupts" : "polling");
	return 0;

stop_worker:
	pci_set_drvdata(pdev, NULL);
	kthread_stop(adev->worker);
	akida_quiesce(adev);
clear_irq:
	akida_clear_irq(adev);
clear_dma:
	akida_clear_dma(adev);
unmap:
	akida_unmap_bars(adev);
	akida_aspm_restore(adev);
	pci_release_regions(pdev);
disable:
	pci_disable_device(pdev);
put:
	put_device(&adev->dev);
	return err;
}

/*
 * Order matters. No new file and no new call gets in; all queued work ends and its waiters wake;
 * the worker finishes the frames it has on the chip (which ends soon: the core notices all ones,
 * and every wait of it is bounded) and stops; then nothing uses the chip any more and its resources
 * go. Open files keep the struct until they are closed.
 */
static void akida_remove(struct pci_dev *pdev)
{
	struct akida_device *adev = pci_get_drvdata(pdev);

	akida_power_unregister(adev);
	cdev_device_del(&adev->cdev, &adev->dev);
	down_write(&adev->remove_sem);
	adev->dead = true;
	akida_legacy_unmap(adev);
	up_write(&adev->remove_sem);
	wake_up_interruptible(&adev->poll_wait);
	akida_cancel_older(adev, U32_MAX, -ENODEV);
	kthread_stop(adev->worker);
	akida_quiesce(adev);
	pci_clear_master(pdev); /* whatever the chip still does ends before its memory goes */
	akida_buffers_unmap(adev);
	akida_clear_irq(adev);
	akida_clear_dma(adev);
	akida_unmap_bars(adev);
	akida_aspm_restore(adev);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
	put_device(&adev->dev);
}

/* Before another kernel takes over: no DMA of ours into its memory. */
static void akida_shutdown(struct pci_dev *pdev)
{
	struct akida_device *adev = pci_get_drvdata(pdev);

	akida_pause(adev);
	akida_quiesce(adev);
	pci_clear_master(pdev);
}

static const struct pci_device_id akida_ids[] = {{PCI_DEVICE(AKC_PCI_VENDOR, AKC_PCI_AKD1000)},
						 {PCI_DEVICE(AKC_PCI_VENDOR, AKC_PCI_AKD1500)},
						 {}};
MODULE_DEVICE_TABLE(pci, akida_ids);

static struct pci_driver akida_driver = {
	.name = "akida",
	.id_table = akida_ids,
	.probe = akida_probe,
	.remove = akida_remove,
	.shutdown = akida_shutdown,
	.err_handler = &akida_err_handlers,
	.driver.pm = pm_sleep_ptr(&akida_pm),
	.driver.probe_type = PROBE_PREFER_ASYNCHRONOUS,
};

static int __init akida_init(void)
{
	int err;

	err = alloc_chrdev_region(&akida_devt, 0, AKIDA_MINORS, "akida");
	if (err)
		return err;
	err = class_register(&akida_class);
	if (err)
		goto unregister_chrdev;
	err = pci_register_driver(&akida_driver);
	if (err)
		goto unregister_class;
	return 0;

unregister_class:
	class_unregister(&akida_class);
unregister_chrdev:
	unregister_chrdev_region(akida_devt, AKIDA_MINORS);
	return err;
}

static void __exit akida_exit(void)
{
	pci_unregister_driver(&akida_driver);
	class_unregister(&akida_class);
	unregister_chrdev_region(akida_devt, AKIDA_MINORS);
	ida_destroy(&akida_ida);
}

module_init(akida_init);
module_exit(akida_exit);
MODULE_DESCRIPTION("BrainChip Akida AKD1000 and AKD1500 neuromorphic processors");
MODULE_LICENSE("GPL");
AKIDA_IMPORT_DMA_BUF;
